package store

import (
	"errors"
	"slices"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// Error codes of ClickHouse that we tell apart.
const (
	codeUnknownDatabase      = 81
	codeReadonly             = 164
	codeAuthenticationFailed = 516
)

// refusals are the codes by which the server refuses rows for what they are:
// sending them again cannot help. Anything else (memory, disk, timeouts,
// missing tables, ...) may pass, and is tried again.
var refusals = []int{
	6,   // CANNOT_PARSE_TEXT
	7,   // INCORRECT_NUMBER_OF_COLUMNS
	9,   // SIZES_OF_COLUMNS_DOESNT_MATCH
	27,  // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	53,  // TYPE_MISMATCH
	70,  // CANNOT_CONVERT_TYPE
	117, // INCORRECT_DATA
	128, // TOO_LARGE_ARRAY_SIZE
	131, // TOO_LARGE_STRING_SIZE
	190, // SIZES_OF_ARRAYS_DONT_MATCH
	321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	407, // DECIMAL_OVERFLOW
	469, // VIOLATED_CONSTRAINT
}

// code is the error code of the server, or 0 when it is none of the server's.
func code(err error) int {
	if a, ok := errors.AsType[*ch.Exception](err); ok {
		return int(a.Code)
	}
	if p, ok := errors.AsType[proto.Error](err); ok {
		return int(p)
	}
	if b, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return int(b.Code)
	}
	return 0
}

func hasCode(err error, c int) bool { return code(err) == c }

func isRefusal(err error) bool { return slices.Contains(refusals, code(err)) }
