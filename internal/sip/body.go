package sip

import (
	"bytes"
	"iter"
	"slices"
)

// maxNesting is how deep multipart bodies are searched.
const maxNesting = 4

// Body gives the body: Content-Length bytes where that is sane, else all to the end of the payload. It is empty, and
// not nil, when there is none.
func (m *Message) Body() []byte { return m.Raw[m.headerEnd:m.bodyEnd:m.bodyEnd] }

// Behind gives what follows the body, which Content-Length leaves out; RFC 3261 section 18.3 has it ignored.
func (m *Message) Behind() []byte { return m.Raw[m.bodyEnd:] }

// SDP gives the session description: the body itself or the application/sdp part of a multipart body; nil when there
// is none. A body without a Content-Type that begins like SDP is taken for it.
func (m *Message) SDP() []byte {
	if m.Get(HeaderContentType) == nil {
		if body := m.Body(); len(body) > 3 && string(body[:3]) == "v=0" {
			return body
		}
	}
	return m.Part("application/sdp")
}

// Part gives the body when its Content-Type is contentType (in lower case, without parameters), or the first part of a
// multipart body, nested ones included, that has this type; nil when there is none.
func (m *Message) Part(contentType string) []byte {
	part, _ := m.PartParams(contentType)
	return part
}

// PartParams is Part with the parameters of the part's Content-Type, without the ";" before them.
func (m *Message) PartParams(contentType string) (part, params []byte) {
	body := m.Body()
	if len(body) == 0 {
		return nil, nil
	}
	return findPart(m.Get(HeaderContentType), body, contentType, maxNesting)
}

// Parts gives the whole body in pieces, each with its Content-Type: the body itself, or the parts of a multipart body,
// nested ones included. What stands before, between and behind parts has none. Delimiters and the headers of parts are
// left out.
func (m *Message) Parts() iter.Seq2[[]byte, []byte] {
	return func(yield func(contentType, content []byte) bool) {
		if body := m.Body(); len(body) > 0 {
			eachPart(m.Get(HeaderContentType), body, maxNesting, yield)
		}
	}
}

func eachPart(contentType, body []byte, depth int, yield func(contentType, content []byte) bool) bool {
	name, params := mediaType(contentType)
	var boundary []byte
	if isMultipart(name) && depth > 0 {
		boundary = boundaryOf(params, body)
	}
	if len(boundary) == 0 {
		return yield(contentType, body)
	}
	for inside := false; len(body) > 0; {
		start, after, closing := findDelimiter(body, boundary)
		piece := slices.Clip(body[:start])
		if after >= 0 {
			piece = withoutLineEnd(piece)
		}
		partType, content := []byte(nil), piece
		if inside {
			if partType, content = splitPart(piece); len(content) == 0 {
				partType, content = nil, piece // no empty line: who knows what it is
			}
		}
		if len(content) > 0 && !eachPart(partType, content, depth-1, yield) {
			return false
		}
		if after < 0 {
			return true
		}
		inside, body = !closing, body[after:]
	}
	return true
}

// mediaType divides a Content-Type into its type and its parameters.
func mediaType(contentType []byte) (name, params []byte) {
	name, params, _ = cut(contentType, ';')
	return trim(name), params
}

func isMultipart(name []byte) bool { return len(name) > 10 && equalFold(name[:10], "multipart/") }

func findPart(contentType, body []byte, want string, depth int) (found, foundParams []byte) {
	name, params := mediaType(contentType)
	if equalFoldAny(name, want) {
		return body, params
	}
	if !isMultipart(name) || depth == 0 {
		return nil, nil
	}
	boundary := boundaryOf(params, body)
	for len(boundary) > 0 {
		part, rest, last := nextPart(body, boundary)
		if part != nil {
			partType, content := splitPart(part)
			if found, foundParams = findPart(partType, content, want, depth-1); found != nil {
				return found, foundParams
			}
		}
		if last {
			return nil, nil
		}
		body = rest
	}
	return nil, nil
}

// boundaryOf gives the boundary of a multipart body: the parameter, or what the body's first line says where that is missing.
func boundaryOf(params, body []byte) []byte {
	if v, ok := param(params, ';', "boundary"); ok && len(v) > 0 {
		return v
	}
	body = trimLeft(body)
	if len(body) < 3 || body[0] != '-' || body[1] != '-' {
		return nil
	}
	line, _, _ := cut(body[2:], '\n')
	return trim(line)
}

// nextPart gives the part after the first delimiter line of body, nil when there is none, and the body from the next
// delimiter on. last says that nothing follows; a part that no delimiter ends goes to the end of the body.
// RFC 2046 section 5.1.1.
func nextPart(body, boundary []byte) (part, rest []byte, last bool) {
	_, after, closing := findDelimiter(body, boundary)
	if after < 0 || closing {
		return nil, nil, true
	}
	part = body[after:]
	start, next, _ := findDelimiter(part, boundary)
	if next < 0 {
		return slices.Clip(part), nil, true
	}
	return withoutLineEnd(part[:start]), part[start:], false
}

// withoutLineEnd is what stands before a delimiter, to which the line end before it belongs.
func withoutLineEnd(part []byte) []byte {
	end := len(part)
	if end > 0 && part[end-1] == '\n' {
		end--
		if end > 0 && part[end-1] == '\r' {
			end--
		}
	}
	return part[:end:end]
}

// findDelimiter gives where the first line begins that is "--" and the boundary, and where the line after it begins
// (-1 when there is no such line); closing says that "--" follows the boundary.
func findDelimiter(b, boundary []byte) (start, after int, closing bool) {
	for at := 0; at < len(b); {
		end := len(b)
		if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := b[at:end]
		if len(line) >= 2+len(boundary) && line[0] == '-' && line[1] == '-' && bytes.HasPrefix(line[2:], boundary) {
			tail := trimRight(line[2+len(boundary):])
			if closing = string(tail) == "--"; closing || len(tail) == 0 {
				return at, end, closing
			}
		}
		at = end
	}
	return len(b), -1, false
}

// splitPart divides a part into its Content-Type and its content.
func splitPart(part []byte) (contentType, content []byte) {
	for len(part) > 0 {
		line, rest, _ := cut(part, '\n')
		// A folded line belongs to the one before.
		for len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') && len(trim(line)) > 0 {
			folded, after, _ := cut(rest, '\n')
			line = part[: len(part)-len(rest)+len(folded) : len(part)-len(rest)+len(folded)]
			rest = after
		}
		part = rest
		line = trim(line)
		if len(line) == 0 {
			return contentType, part
		}
		if name, value, ok := cut(line, ':'); ok && contentType == nil && lookupHeader(trimRight(name)) == HeaderContentType {
			contentType = trim(value)
		}
	}
	return contentType, part
}

// checkMultipart says whether a multipart body has a boundary and ends with it.
func checkMultipart(contentType, body []byte) Defects {
	name, params := mediaType(contentType)
	if !isMultipart(name) {
		return 0
	}
	boundary, _ := param(params, ';', "boundary")
	if len(boundary) == 0 {
		return BadMultipart
	}
	for rest := body; ; {
		_, after, closing := findDelimiter(rest, boundary)
		switch {
		case after < 0:
			return BadMultipart
		case closing:
			return 0
		}
		rest = rest[after:]
	}
}
