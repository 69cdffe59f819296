package sip

import (
	"bytes"
	"slices"
)

// maxNesting is how deep multipart bodies are searched.
const maxNesting = 4

// Body gives the body: Content-Length bytes where that is sane, else all to the end of the payload. It is empty, and
// not nil, when there is none.
func (m *Message) Body() []byte { return m.Raw[m.headerEnd:m.bodyEnd:m.bodyEnd] }

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
	rest = part[start:]
	// The line end before a delimiter belongs to the delimiter.
	end := start
	if end > 0 && part[end-1] == '\n' {
		end--
		if end > 0 && part[end-1] == '\r' {
			end--
		}
	}
	return part[:end:end], rest, false
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
