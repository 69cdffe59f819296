package isup_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/earshot-voip/earshot/internal/isup"
	"github.com/earshot-voip/earshot/internal/sip"
)

// TestCorpusIAM: the one IAM of the corpus, in multipart/mixed beside SDP. What
// is wanted is what TShark 4.0 says of it.
func TestCorpusIAM(t *testing.T) {
	root := os.Getenv("EARSHOT_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	const name = "hep_unit_vectors/sip3-salto-ce__SipMessageParserTest_PACKET_2.bin"
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("the corpus has no %s here; set EARSHOT_CORPUS", name)
	}
	var m sip.Message
	m.Parse(b[bytes.Index(b, []byte("INVITE ")):]) // behind a response in the same datagram
	part, params := m.PartParams("application/isup")
	if v := string(sip.Param(params, "version")); v != "itu-t92+" {
		t.Errorf("version %q", v)
	}
	got, ok := isup.Parse(part, isup.ITU)
	want := isup.Message{
		Type: isup.IAM, NatureOfConnection: 0x10, Category: 10,
		Called:            isup.Number{Digits: "79262909400", Nature: isup.International, Plan: isup.E164},
		Calling:           isup.Number{Digits: "79116439999", Nature: isup.International, Plan: isup.E164, Screening: 1},
		AdditionalCalling: isup.Number{Digits: "9116439999", Nature: isup.National, Plan: isup.E164, Screening: 3},
		OriginalCalled:    isup.Number{Digits: "9217310000", Nature: isup.National, Plan: isup.E164},
		Redirecting:       isup.Number{Digits: "9262909320", Nature: isup.National, Plan: isup.E164, Presentation: isup.Restricted},
	}
	if !ok || got != want {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}
