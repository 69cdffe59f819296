package recorder

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

// Listing is the answer to GET /recorder.
type Listing struct {
	Ring   Status   `json:"ring"`
	Frozen []Frozen `json:"frozen"`
}

// patience is how long a request waits until its call is frozen.
const patience = 30 * time.Second

// Register serves the recorder on mux:
//
//	GET /recorder              how full the ring is and what was frozen (Listing)
//	POST /recorder/freeze      call_id=, addr= (address:port of media, again for each), from=, to= (RFC 3339); the Frozen
//	GET /recorder/NAME.pcap    a frozen call
//
// A key is asked for as "Authorization: Bearer KEY"; where there is none, only
// this host is answered: who called whom is nobody else's business.
func (r *Recorder) Register(mux *http.ServeMux, key string) {
	allowed := func(serve http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			switch {
			case key == "" && !fromLoopback(q):
				http.Error(w, "the flight recorder answers this host only; set agent.recorder.key to ask from elsewhere", http.StatusForbidden)
			case key != "" && subtle.ConstantTimeCompare([]byte(q.Header.Get("Authorization")), []byte("Bearer "+key)) != 1:
				w.Header().Set("WWW-Authenticate", "Bearer")
				http.Error(w, "the key of agent.recorder.key is wanted", http.StatusUnauthorized)
			default:
				serve(w, q)
			}
		}
	}
	mux.HandleFunc("GET /recorder", allowed(r.serveList))
	mux.HandleFunc("POST /recorder/freeze", allowed(r.serveFreeze))
	mux.HandleFunc("GET /recorder/{file}", allowed(r.servePcap))
}

func fromLoopback(q *http.Request) bool {
	from, err := netip.ParseAddrPort(q.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

func (r *Recorder) serveList(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, Listing{Ring: r.Status(), Frozen: r.Frozen()})
}

func (r *Recorder) serveFreeze(w http.ResponseWriter, q *http.Request) {
	request, err := requestOf(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name, done, err := r.Freeze(request)
	switch {
	case errors.Is(err, ErrTooMany):
		http.Error(w, err.Error(), http.StatusTooManyRequests)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case <-done:
	case <-q.Context().Done():
		return
	case <-time.After(patience):
		http.Error(w, "the call is not frozen yet, since the disk is slow; list shows it when it is", http.StatusServiceUnavailable)
		return
	}
	f, ok := r.find(name)
	if !ok {
		http.Error(w, "nothing of this call is in the ring: it is older, or was not seen here; list shows how far the ring goes back", http.StatusNotFound)
		return
	}
	answer(w, http.StatusCreated, f)
}

func requestOf(q *http.Request) (Request, error) {
	request := Request{CallID: q.FormValue("call_id"), Why: ByRequest, Detail: q.FormValue("detail")}
	for _, s := range q.Form["addr"] {
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			return request, errors.New("addr is " + s + "; want address:port of media, such as 192.0.2.1:4000 or [2001:db8::1]:4000")
		}
		request.Addrs = append(request.Addrs, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	for _, bound := range [...]struct {
		name string
		t    *time.Time
	}{{"from", &request.From}, {"to", &request.To}} {
		if s := q.FormValue(bound.name); s != "" {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return request, errors.New(bound.name + " is " + s + "; want a time such as 2026-01-05T10:00:00Z")
			}
			*bound.t = t
		}
	}
	return request, nil
}

func (r *Recorder) find(name string) (Frozen, bool) {
	for _, f := range r.Frozen() {
		if f.Name == name {
			return f, true
		}
	}
	return Frozen{}, false
}

func (r *Recorder) servePcap(w http.ResponseWriter, q *http.Request) {
	name, isPcap := strings.CutSuffix(q.PathValue("file"), ".pcap")
	f, ok := r.find(name) // a name of our own making, so that no path is made of another
	if !ok || !isPcap {
		http.Error(w, "no frozen call has this name; GET /recorder lists them", http.StatusNotFound)
		return
	}
	file, err := os.Open(r.Path(&f))
	if err != nil {
		r.fail("a frozen call, which cannot be read", err)
		http.Error(w, "the frozen call cannot be read; the log says why", http.StatusInternalServerError)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/vnd.tcpdump.pcap")
	w.Header().Set("Content-Disposition", `attachment; filename="`+f.Name+`.pcap"`)
	http.ServeContent(w, q, "", time.Time{}, file)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(v) // who asked has gone
}
