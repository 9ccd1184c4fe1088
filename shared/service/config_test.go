package service_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/counterfoil/counterfoil/shared/service"
)

// settings has a field of every kind that the services use.
type settings struct {
	Port   int           `envconfig:"T_PORT" default:"7080" desc:"port to listen on"`
	Level  slog.Level    `envconfig:"T_LEVEL" default:"info" desc:"debug, info, warn or error"`
	Wait   time.Duration `envconfig:"T_WAIT" default:"5s" desc:"how long to wait"`
	Name   string        `envconfig:"T_NAME" default:"x"`
	Within Within
	Embedded
	Ignored  string
	hidden   string
	Nothing  *Within
	Password string `envconfig:"T_PASSWORD" secret:"true" desc:"the password"`
}

type Within struct {
	Hosts []string `envconfig:"T_HOSTS" default:"a:1" desc:"where they are"`
}

type Embedded struct {
	Partitions int32 `envconfig:"T_PARTITIONS" default:"6" desc:"how many"`
}

func TestFromEnvironment_Defaults(t *testing.T) {
	var got settings
	if err := service.FromEnvironment(&got); err != nil {
		t.Fatal(err)
	}
	if got.Port != 7080 || got.Level != slog.LevelInfo || got.Wait != 5*time.Second || got.Name != "x" ||
		!slices.Equal(got.Within.Hosts, []string{"a:1"}) || got.Partitions != 6 || got.Password != "" || got.hidden != "" {
		t.Errorf("got %+v", got)
	}
}

func TestFromEnvironment_Values(t *testing.T) {
	for variable, value := range map[string]string{
		"T_PORT": "1", "T_LEVEL": "DEBUG", "T_WAIT": "250ms", "T_NAME": "", "T_HOSTS": "a:1,b:2", "T_PARTITIONS": "12", "T_PASSWORD": "p w",
		"IGNORED": "no", "T_IGNORED": "no",
	} {
		t.Setenv(variable, value)
	}
	got := settings{Ignored: "kept"}
	if err := service.FromEnvironment(&got); err != nil {
		t.Fatal(err)
	}
	if got.Port != 1 || got.Level != slog.LevelDebug || got.Wait != 250*time.Millisecond || got.Name != "" ||
		!slices.Equal(got.Within.Hosts, []string{"a:1", "b:2"}) || got.Partitions != 12 || got.Password != "p w" || got.Ignored != "kept" {
		t.Errorf("got %+v", got)
	}
}

func TestFromEnvironment_AllFaultsAtOnceWithoutTheirValues(t *testing.T) {
	for variable, value := range map[string]string{
		"T_PORT": "s3cret", "T_LEVEL": "s3cret", "T_WAIT": "s3cret", "T_PARTITIONS": "3000000000",
		"T_PASSWORD_FILE": filepath.Join(t.TempDir(), "missing"),
	} {
		t.Setenv(variable, value)
	}
	got := settings{}
	err := service.FromEnvironment(&got)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		"T_PORT is not a valid int (port to listen on)", "T_LEVEL is not a valid slog.Level (debug, info, warn or error)",
		"T_WAIT is not a valid duration such as 5s or 250ms", "T_PARTITIONS is not a valid int32", "T_PASSWORD_FILE: open",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("it repeats values, or does not say one fault a line:\n%v", err)
	}
	// What cannot be read is as if it were not set, so that validating finds nothing more.
	if got.Port != 7080 || got.Level != slog.LevelInfo || got.Wait != 5*time.Second || got.Partitions != 6 {
		t.Errorf("got %+v", got)
	}
}

func TestFromEnvironment_SecretsFromFiles(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"as written":            {"s3cret", "s3cret"},
		"without a line ending": {"s3cret\n", "s3cret"},
		"of Windows too":        {"s3cret\r\n", "s3cret"},
		"spaces belong to it":   {" s3 cret ", " s3 cret "},
		"empty":                 {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("T_PASSWORD_FILE", file)
			var got settings
			if err := service.FromEnvironment(&got); err != nil || got.Password != test.want {
				t.Errorf("got %q, want %q: %v", got.Password, test.want, err)
			}
			t.Setenv("T_PASSWORD", "other")
			if err := service.FromEnvironment(&got); err == nil || !strings.Contains(err.Error(), "T_PASSWORD and T_PASSWORD_FILE are both set") ||
				strings.Contains(err.Error(), "other") {
				t.Errorf("with both it says %v", err)
			}
		})
	}
	// Only secrets are read from files.
	t.Setenv("T_NAME_FILE", "/dev/null")
	var got settings
	if err := service.FromEnvironment(&got); err != nil || got.Name != "x" {
		t.Errorf("name %q, error %v", got.Name, err)
	}
}

func TestPrintUsage_ListsEveryVariableWithDefaultAndMeaning(t *testing.T) {
	t.Parallel()
	var usage bytes.Buffer
	service.PrintUsage(&usage, "test-service", &settings{})
	for _, line := range []string{
		`T_PORT +7080 +port to listen on`, `T_LEVEL +info +debug, info, warn or error`, `T_WAIT +5s +how long to wait`, `T_NAME +x`,
		`T_HOSTS +a:1 +where they are`, `T_PARTITIONS +6 +how many`, `T_PASSWORD +the password \(or the file named by T_PASSWORD_FILE\)`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `\s*$`).MatchString(usage.String()) {
			t.Errorf("no line %q in:\n%s", line, &usage)
		}
	}
	for _, says := range []string{"Usage: test-service", "Exit codes:", "SIGTERM"} {
		if !strings.Contains(usage.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, &usage)
		}
	}
	if strings.Contains(usage.String(), "Ignored") || strings.Contains(usage.String(), "hidden") {
		t.Errorf("it lists what is not read from the environment:\n%s", &usage)
	}
}
