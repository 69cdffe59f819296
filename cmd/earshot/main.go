// Command earshot hears every call on the wire and says which were bad, by
// how much, why and where.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"github.com/earshot-voip/earshot/internal/chdb"
	"github.com/earshot-voip/earshot/internal/media"
	"github.com/earshot-voip/earshot/internal/run"
)

// version is set by the linker.
var version = ""

// Exit statuses, as scripts rely on them.
const (
	exitDone   = 0
	exitFailed = 1 // the work failed or was incomplete
	exitUsage  = 2
)

// cli is every command. The doc of a command is its help.
type cli struct {
	Config   string `help:"Configuration file (YAML). Flags win over EARSHOT_* variables, those over the file." placeholder:"FILE" type:"path"`
	LogLevel string `help:"debug, info, warn or error." placeholder:"LEVEL"`

	Read      readCommand      `cmd:"" help:"Read captures and say what calls are in them."`
	Run       runCommand       `cmd:"" help:"Everything in one process: agent, collector, analyzer and an embedded ClickHouse."`
	Agent     agentCommand     `cmd:"" help:"Capture and send to a collector as HEP."`
	Collector collectorCommand `cmd:"" help:"Receive HEP, analyse and store."`
	SQL       sqlCommand       `cmd:"" name:"sql" help:"Ask the store."`
	Explain   explainCommand   `cmd:"" help:"Say how a call was, when it was bad and why."`
	Topology  topologyCommand  `cmd:"" help:"Say what hosts are: phones, proxies, B2BUAs, relays, gateways."`
	Recorder  recorderCommand  `cmd:"" help:"Freeze calls in an agent's flight recorder, and fetch them as pcap."`
	Synth     synthCommand     `cmd:"" help:"Make calls with exactly known loss, jitter and outcome."`
	Codecs    codecsCommand    `cmd:"" help:"Print the codec table in force: impairment factors, their source and standing."`
	Check     checkCommand     `cmd:"" help:"Check a configuration file, or print the defaults."`
	Version   versionCommand   `cmd:"" help:"Say which version this is."`
}

// app is what every command gets.
type app struct {
	ctx      context.Context
	stdin    io.Reader
	stdout   io.Writer
	stderr   *run.Progress
	log      *slog.Logger
	level    *slog.LevelVar
	config   run.Config
	codecs   *media.Codecs // nil is the built-in table
	settings []run.Setting
	file     string
}

// usageError is a mistake in how a command was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	if len(os.Args) > 1 && os.Args[1] == chdb.Subcommand {
		os.Exit(chdb.Main(os.Args[2:]))
	}
	os.Exit(start(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// start runs one command and returns the exit status.
func start(args []string, stdin io.Reader, stdout io.Writer, stderr *os.File) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("earshot"), kong.Description("The passive VoIP monitor: every call on the wire, which were bad, by how much, why and where."),
		kong.Writers(stdout, stderr), kong.Exit(func(n int) { code = n; panic(exited{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ShortUsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "earshot:", err)
		return exitFailed
	}
	parsed, err := parse(parser, args)
	if code >= 0 {
		return code // --help
	}
	if err != nil {
		var p *kong.ParseError
		if errors.As(err, &p) && p.Context != nil && p.Context.Command() != "" {
			fmt.Fprintf(stderr, "earshot: %v\nTry: earshot %s --help\n", err, p.Context.Selected().Name)
		} else {
			fmt.Fprintf(stderr, "earshot: %v\nTry: earshot --help\n", err)
		}
		return exitUsage
	}
	ctx, stop := run.Signals(context.Background())
	defer stop()
	progress := run.NewProgress(stderr)
	a := &app{ctx: ctx, stdin: stdin, stdout: stdout, stderr: progress, level: &slog.LevelVar{}, file: c.Config}
	a.log = run.NewLogger(progress, a.level, "text")
	if c.LogLevel != "" {
		a.settings = append(a.settings, run.Setting{Key: "log.level", Value: c.LogLevel, Flag: "--log-level"})
	}
	if err := parsed.Run(a); err != nil {
		fmt.Fprintln(progress, "earshot:", err)
		if errors.As(err, &usageError{}) {
			return exitUsage
		}
		return exitFailed
	}
	return exitDone
}

type exited struct{}

// parse is kong's Parse, whose --help ends in exit.
func parse(p *kong.Kong, args []string) (c *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exited); !ok {
				panic(r)
			}
		}
	}()
	return p.Parse(args)
}

// set notes a flag that stands for a configuration key.
func (a *app) set(key, value, flag string) {
	a.settings = append(a.settings, run.Setting{Key: key, Value: value, Flag: flag})
}

// setListen is set for an address to listen on: none stands for no address, and
// a flag that was not given for nothing.
func (a *app) setListen(key, value, flag string) {
	switch value {
	case "":
	case "none":
		a.set(key, "", flag)
	default:
		a.set(key, value, flag)
	}
}

// load reads the configuration; flags were noted with set before.
func (a *app) load() error {
	c, warnings, err := run.Load(a.sources())
	if err != nil {
		return usageError{err}
	}
	codecs, err := loadCodecs(&c)
	if err != nil {
		return usageError{err}
	}
	a.config, a.codecs = c, codecs
	a.level.Set(c.Log.Level)
	a.log = run.NewLogger(a.stderr, a.level, c.Log.Format)
	for _, w := range warnings {
		a.log.Warn("configuration", "warning", w)
	}
	return nil
}

// sources are those of the configuration.
func (a *app) sources() run.Sources {
	return run.Sources{File: a.file, Env: os.Environ(), Flags: a.settings}
}

// takeLevel changes how much is logged.
func (a *app) takeLevel() run.Take {
	return run.Take{Keys: []string{"log.level"}, Take: func(c *run.Config) error {
		a.level.Set(c.Log.Level)
		return nil
	}}
}

type versionCommand struct{}

// Help shows an example.
func (versionCommand) Help() string {
	return `Examples:
  earshot version`
}

func (versionCommand) Run(a *app) error {
	_, err := fmt.Fprintln(a.stdout, "earshot", versionText())
	return err
}

// versionText is the release, or what the toolchain knows of the commit.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "devel " + s.Value[:12]
			}
		}
	}
	return "devel"
}

type checkCommand struct {
	What string `arg:"" enum:"config,defaults" help:"config: is the file of --config in order? defaults: print every key with its default."`
}

// Help shows examples.
func (checkCommand) Help() string {
	return `Examples:
  earshot check defaults >earshot.yaml
  earshot check config --config earshot.yaml`
}

func (k checkCommand) Run(a *app) error {
	if k.What == "defaults" {
		_, err := a.stdout.Write(run.DefaultYAML())
		return err
	}
	if err := a.load(); err != nil {
		return err
	}
	where := a.file
	if where == "" {
		where = "no file"
	}
	_, err := fmt.Fprintf(a.stdout, "configuration is in order (%s)\n", where)
	return err
}
