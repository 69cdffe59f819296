package run

import (
	_ "embed"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// defaultYAML is the one place of every default and of what each key means:
// [Default] decodes it and [Config.YAML] prints it. A test keeps it complete.
//
//go:embed default.yaml
var defaultYAML []byte

// Config is the whole configuration. What each key means, and its default,
// is told in default.yaml.
type Config struct {
	Data       string     `yaml:"data"`
	Log        Log        `yaml:"log"`
	HTTP       HTTP       `yaml:"http"`
	Agent      Agent      `yaml:"agent"`
	Capture    Capture    `yaml:"capture"`
	HEP        HEP        `yaml:"hep"`
	Dialog     Dialog     `yaml:"dialog"`
	Links      Links      `yaml:"links"`
	Topology   Topology   `yaml:"topology"`
	Media      Media      `yaml:"media"`
	Store      Store      `yaml:"store"`
	ClickHouse ClickHouse `yaml:"clickhouse"`
	Privacy    Privacy    `yaml:"privacy"`
}

// Log says how much is logged, and in which form.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format LogFormat  `yaml:"format"`
}

// HTTP is the server of /healthz and /metrics.
type HTTP struct {
	Listen string `yaml:"listen"`
}

// Agent says who captures, and where it sends.
type Agent struct {
	Node       string   `yaml:"node"`
	ID         uint32   `yaml:"id"`
	Domain     string   `yaml:"domain"`
	Collectors []string `yaml:"collectors" secret:"dsn"`
	Send       string   `yaml:"send"`
	Heartbeat  bool     `yaml:"heartbeat"`
	Compress   bool     `yaml:"compress"`
	SharedKeys bool     `yaml:"shared_keys"`
	Spool      Size     `yaml:"spool"`
	SpoolDir   string   `yaml:"spool_dir"`
	TLS        AgentTLS `yaml:"tls"`
	Recorder   Recorder `yaml:"recorder"`
	User       string   `yaml:"user"`
	Memory     Size     `yaml:"memory"`
	CPU        int      `yaml:"cpu"`
	Thin       Thin     `yaml:"thin"`
}

// AgentTLS is how an agent and its tls:// collectors know each other.
type AgentTLS struct {
	CA   string `yaml:"ca"`
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Recorder is the flight recorder of an agent.
type Recorder struct {
	Memory   Size     `yaml:"memory"`
	Disk     Size     `yaml:"disk"`
	Minutes  int      `yaml:"minutes"`
	MOSBelow MOS      `yaml:"mos_below"`
	Keep     Size     `yaml:"keep"`
	KeepFor  Duration `yaml:"keep_for"`
	Key      string   `yaml:"key" secret:"true"`
}

// Thin is what an agent does not send, and what it masks in the rest.
type Thin struct {
	Methods   []string  `yaml:"methods"`
	Addresses []Network `yaml:"addresses"`
	Users     []Pattern `yaml:"users"`
	Sample    int       `yaml:"sample"` // percent
	Rate      int       `yaml:"rate"`
	Mask      string    `yaml:"mask"`
	MaskKeep  int       `yaml:"mask_keep"`
	MaskKey   string    `yaml:"mask_key" secret:"true"`
	Bodies    string    `yaml:"bodies"`
}

// Capture is live capture from interfaces.
type Capture struct {
	Interfaces  []string  `yaml:"interfaces"`
	Method      string    `yaml:"method"`
	Workers     int       `yaml:"workers"`
	Ports       []Ports   `yaml:"ports"`
	RTPPorts    []Ports   `yaml:"rtp_ports"`
	Hosts       []Network `yaml:"hosts"`
	Filter      string    `yaml:"filter"`
	SnapLen     Size      `yaml:"snaplen"`
	RTPSnapLen  Size      `yaml:"rtp_snaplen"`
	Promiscuous bool      `yaml:"promiscuous"`
	Buffer      Size      `yaml:"buffer"`
	Timestamps  string    `yaml:"timestamps"`
	TLSKeyLog   string    `yaml:"tls_keylog"`
}

// HEP is the reception of HEP, live and inside captures.
type HEP struct {
	Listen         string   `yaml:"listen"`
	Ports          []uint16 `yaml:"ports"`
	NATS           string   `yaml:"nats" secret:"dsn"`
	AuthKey        string   `yaml:"auth_key" secret:"true"`
	MaxSkew        Duration `yaml:"max_skew"`
	MaxConnections int      `yaml:"max_connections"`
	ReceiveBuffer  Size     `yaml:"receive_buffer"`
}

// Dialog holds the timers and limits of SIP dialogs, in packet time.
type Dialog struct {
	T1          Duration `yaml:"t1"`
	TimerC      Duration `yaml:"timer_c"`
	NoBye       Duration `yaml:"no_bye"`
	LongestCall Duration `yaml:"longest_call"`
	Grace       Duration `yaml:"grace"`
	MaxCalls    int      `yaml:"max_calls"`
	Emergency   []string `yaml:"emergency"`
	Headers     []string `yaml:"headers"`
}

// Links says what joins the legs of one end-to-end call.
type Links struct {
	Enabled       bool         `yaml:"enabled"`
	MinConfidence int          `yaml:"min_confidence"` // percent
	Window        Duration     `yaml:"window"`
	Remember      Duration     `yaml:"remember"`
	Headers       []LinkHeader `yaml:"headers"`
}

// Topology says what is known of hosts, and how much is learned of them.
type Topology struct {
	Hosts    []Host   `yaml:"hosts"`
	Trunks   []Trunk  `yaml:"trunks"`
	MaxHosts int      `yaml:"max_hosts"`
	Every    Duration `yaml:"every"`
}

// Media is the metering of RTP streams.
type Media struct {
	G711PLC      bool      `yaml:"g711_plc"`
	Codecs       string    `yaml:"codecs"`
	JitterBuffer string    `yaml:"jitter_buffer"`
	Signal       string    `yaml:"signal"`
	Coverage     []Network `yaml:"coverage"`
	HeuristicRTP bool      `yaml:"heuristic_rtp"`
	Idle         Duration  `yaml:"idle"`
	MaxStreams   int       `yaml:"max_streams"`
}

// Store is where rows go, and how long they stay.
type Store struct {
	DSN       string    `yaml:"dsn" secret:"dsn"`
	BatchRows int       `yaml:"batch_rows"`
	Retention Retention `yaml:"retention"`
}

// Retention is the age after which rows are deleted, counted from the time
// they were stored, by table. 0 keeps them.
type Retention struct {
	Calls     Duration `yaml:"calls"`
	Attempts  Duration `yaml:"attempts"`
	Streams   Duration `yaml:"streams"`
	Intervals Duration `yaml:"intervals"`
	Reports   Duration `yaml:"reports"`
	Messages  Duration `yaml:"messages"`
	Drops     Duration `yaml:"drops"`
	Links     Duration `yaml:"links"`
	Hops      Duration `yaml:"hops"`
	Hosts     Duration `yaml:"hosts"`
}

// ClickHouse is the embedded ClickHouse.
type ClickHouse struct {
	Library  string `yaml:"library"`
	Memory   Size   `yaml:"memory"`
	TCPPort  uint16 `yaml:"tcp_port"`
	HTTPPort uint16 `yaml:"http_port"`
}

// Privacy says what is kept out of the store.
type Privacy struct {
	Scrub Scrub `yaml:"scrub"`
}

// Scrub names the secrets that are scrubbed from SIP messages.
type Scrub struct {
	Digest        bool `yaml:"digest"`
	SDES          bool `yaml:"sdes"`
	DTMF          bool `yaml:"dtmf"`
	MessageBodies bool `yaml:"message_bodies"`
}

// Default gives the configuration with every default.
func Default() Config {
	var c Config
	if err := decodeYAML(defaultYAML, "default.yaml", &c); err != nil {
		panic(err) // Part of the program: a test decodes it.
	}
	return c
}

// DataDir is the folder that c.Data names, or the default one of this user.
// It does not create it.
func (c *Config) DataDir() (string, error) {
	if c.Data != "" {
		return filepath.Abs(c.Data)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/earshot", nil
	}
	if d := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "earshot"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w; name one with --data", err)
	}
	return filepath.Join(home, ".local", "share", "earshot"), nil
}

// NodeName is c.Agent.Node, or the host's name, or "earshot" where the host
// has none.
func (c *Config) NodeName() string {
	if c.Agent.Node != "" {
		return c.Agent.Node
	}
	if h, err := os.Hostname(); err == nil && h != "" {
		return h
	}
	return "earshot"
}
