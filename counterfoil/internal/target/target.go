// Package target finds what a command talks to: services, broker, database.
//
// A flag comes first, then the environment, then what `counterfoil dev` left in the file env of its data directory, then
// the standard ports. Every target remembers where it was found, so that messages can say so.
package target

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/counterfoil/counterfoil/counterfoil/internal/envfile"
	"github.com/counterfoil/counterfoil/counterfoil/internal/exit"
	"github.com/counterfoil/counterfoil/shared/command"
)

// DefaultData is the data directory of `counterfoil dev` where no other is named.
const DefaultData = ".counterfoil"

// EnvFile is the name of the file in the data directory that says where everything is.
const EnvFile = "env"

// Key is a kind of target.
type Key struct {
	Variable string // its name in the environment and in the file
	Flag     string
	Standard string // where it is if nobody says otherwise
}

// The kinds of targets.
var (
	CommandURL  = Key{"COMMAND_URL", "--command-url", "http://localhost:7080"}
	QueryURL    = Key{"QUERY_URL", "--query-url", "http://localhost:7081"}
	ConsumerURL = Key{"CONSUMER_URL", "--consumer-url", "http://localhost:7083"}
	Broker      = Key{"KAFKA_BROKER", "--broker", "localhost:9092"}
	Database    = Key{"DB_URL", "--db-url", "postgres://localhost:5432/counterfoil"}
)

// Settings of the consumer-service that say what is declared, and under which names it consumes.
var (
	ReadModels    = Key{"READ_MODELS_DIR", "--read-models", ""} // without it the built-in declarations
	ConsumerTopic = Key{"KAFKA_CONSUMER_TOPIC", "", command.TimestampTopic}
	GroupID       = Key{"KAFKA_GROUP_ID", "", "timestamp-consumer"}
)

// Target is where something is and how that was found out.
type Target struct {
	Key    Key
	Value  string
	Origin Origin
	from   string
}

// Origin is one of the places where a target can be named.
type Origin int

// The origins.
const (
	FromFlag Origin = iota
	FromEnvironment
	FromFile
	FromStandard
)

// From says where the target was found, to end a sentence that begins with its value.
func (t Target) From() string { return t.from }

// Hint says what to do when nothing answers at the target.
func (t Target) Hint() string {
	switch t.Origin {
	case FromFile:
		return fmt.Sprintf("it is named in %s; is `counterfoil dev` still running?", t.from)
	case FromStandard:
		return fmt.Sprintf("it is the standard place; start `counterfoil dev`, or name another by %s or %s", t.Key.Flag, t.Key.Variable)
	default:
		return "it is named by " + t.from
	}
}

// Finder finds targets.
type Finder struct {
	getenv func(string) string
	path   string
	file   map[string]string
}

// NewFinder returns a Finder that also looks into a data directory; it is no error if there is none.
func NewFinder(data string, getenv func(string) string) (*Finder, error) {
	path := filepath.Join(data, EnvFile)
	file, err := envfile.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, exit.With(exit.Usage, fmt.Errorf("read where things are: %w", err))
	}
	return &Finder{getenv, path, file}, nil
}

// Find returns the target of a kind; flag is what was given for it on the command line.
func (f *Finder) Find(key Key, flag string) Target {
	switch {
	case flag != "":
		return Target{key, flag, FromFlag, key.Flag}
	case f.getenv(key.Variable) != "":
		return Target{key, f.getenv(key.Variable), FromEnvironment, key.Variable + " of the environment"}
	case f.file[key.Variable] != "":
		return Target{key, f.file[key.Variable], FromFile, f.path}
	default:
		return Target{key, key.Standard, FromStandard, "the standard port"}
	}
}

// FindURL is Find for the HTTP address of a service; the value has no slash at its end.
func (f *Finder) FindURL(key Key, flag string) (Target, error) {
	t := f.Find(key, flag)
	t.Value = strings.TrimRight(t.Value, "/")
	u, err := url.Parse(t.Value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return t, exit.With(exit.Usage, fmt.Errorf("%s (%s) is not an address such as %s", t.Value, t.from, key.Standard))
	}
	return t, nil
}
