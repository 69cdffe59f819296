package capture

import "golang.org/x/net/bpf"

// program is a filter in assembly. Its labels lie ahead of the jumps to them,
// as in all BPF; jumps go by way of the unconditional one, which reaches
// further than the 255 instructions of the others.
type program struct {
	code []bpf.Instruction
	open map[string][]int // jumps to labels that are not set yet
}

func (p *program) add(i ...bpf.Instruction) { p.code = append(p.code, i...) }

func (p *program) jump(label string) {
	if p.open == nil {
		p.open = map[string][]int{}
	}
	p.open[label] = append(p.open[label], len(p.code))
	p.add(bpf.Jump{})
}

// when jumps if A compares so with v.
func (p *program) when(is bpf.JumpTest, v uint32, label string) {
	p.add(bpf.JumpIf{Cond: is, Val: v, SkipFalse: 1})
	p.jump(label)
}

func (p *program) whenAny(values []uint32, label string) {
	for _, v := range values {
		p.when(bpf.JumpEqual, v, label)
	}
}

// whenIn jumps if the port in scratch register reg is in one of the ranges.
func (p *program) whenIn(reg int, ranges []PortRange, label string) {
	if len(ranges) > 0 {
		p.add(bpf.LoadScratch{Dst: bpf.RegA, N: reg})
	}
	for _, r := range ranges {
		p.add(bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(r.First), SkipTrue: 2})
		p.add(bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: uint32(r.Last), SkipTrue: 1})
		p.jump(label)
	}
}

func (p *program) label(name string) {
	for _, at := range p.open[name] {
		p.code[at] = bpf.Jump{Skip: uint32(len(p.code) - at - 1)}
	}
	delete(p.open, name)
}

// append adds another program, whose open jumps become this one's.
func (p *program) append(q *program) {
	for label, all := range q.open {
		for _, at := range all {
			p.open[label] = append(p.open[label], len(p.code)+at)
		}
	}
	p.add(q.code...)
}
