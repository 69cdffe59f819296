package capture

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/bpf"
)

// maxInstructions is the kernel's BPF_MAXINSNS.
const maxInstructions = 4096

// isProgram tells whether a given filter is a program in numbers: no expression
// of pcap-filter(7) begins with a number of instructions and goes on like that.
func isProgram(filter string) bool {
	return strings.ContainsAny(filter, "0123456789") && strings.Trim(filter, "0123456789, \t\r\n") == ""
}

// parseProgram reads what tcpdump -ddd prints: the number of instructions, and of
// each its code, two jumps and operand. Commas may stand for the ends of lines.
func parseProgram(filter string) ([]bpf.RawInstruction, error) {
	words := strings.FieldsFunc(filter, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	count, err := strconv.Atoi(words[0])
	if err != nil || count < 1 || count > maxInstructions || len(words) != 1+4*count {
		return nil, fmt.Errorf("a program of %s instructions with %d numbers; want 1 to %d instructions of 4 numbers each, as tcpdump -ddd prints them", words[0], len(words)-1, maxInstructions)
	}
	program := make([]bpf.RawInstruction, count)
	for i := range program {
		w := words[1+4*i:]
		op, e1 := strconv.ParseUint(w[0], 10, 16)
		jt, e2 := strconv.ParseUint(w[1], 10, 8)
		jf, e3 := strconv.ParseUint(w[2], 10, 8)
		k, e4 := strconv.ParseUint(w[3], 10, 32)
		if err := errors.Join(e1, e2, e3, e4); err != nil {
			return nil, fmt.Errorf("instruction %d: %w", i, err)
		}
		program[i] = bpf.RawInstruction{Op: uint16(op), Jt: uint8(jt), Jf: uint8(jf), K: uint32(k)}
	}
	return program, nil
}
