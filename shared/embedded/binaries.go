package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest PostgreSQL version that is used.
const oldestMajor = 14

// findBinaries returns the directory of initdb and postgres. The major version
// has to be that of the data, when there is any.
func findBinaries(ctx context.Context, cfg PostgresConfig, a account, dataVersion string) (string, error) {
	wanted := 0
	if dataVersion != "" {
		var err error
		if wanted, err = strconv.Atoi(dataVersion); err != nil {
			return "", fmt.Errorf("the data's version %q is not one that is known here", dataVersion)
		}
	}
	if cfg.BinDir != "" {
		major, err := majorVersion(ctx, a, cfg.BinDir)
		if err != nil {
			return "", err
		}
		if wanted != 0 && major != wanted {
			return "", fmt.Errorf("the data is of PostgreSQL %d and %s has version %d: use version %d or another directory for the data", wanted, cfg.BinDir, major, wanted)
		}
		return cfg.BinDir, nil
	}
	if !cfg.Download {
		for _, dir := range machineBinaries(ctx) {
			major, err := majorVersion(ctx, a, dir)
			if err == nil && major >= oldestMajor && (wanted == 0 || major == wanted) {
				return dir, nil
			}
		}
	}
	return downloadBinaries(ctx, a, wanted, cfg.Progress)
}

// machineBinaries lists where the machine may have PostgreSQL's server programs,
// what the person put into the PATH first, then the newest of each system's place.
func machineBinaries(ctx context.Context) []string {
	var dirs []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			dirs = append(dirs, filepath.Dir(initdb))
		}
	}
	if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(output)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                   // PostgreSQL's own packages for Red Hat
		"/usr/libexec/postgresql*",                           // Alpine
		"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew
		"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
		"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
		"/usr/local/pgsql*/bin",                              // built from source
	} {
		found, _ := filepath.Glob(pattern)
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(numberIn(b), numberIn(a)) })
		dirs = append(dirs, found...)
	}
	return dirs
}

var number = regexp.MustCompile(`[0-9]+`)

func numberIn(path string) int {
	n, _ := strconv.Atoi(number.FindString(path))
	return n
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) ([0-9]+)`)

// majorVersion returns the version of the server programs in the directory, which
// the account must be able to run.
func majorVersion(ctx context.Context, a account, dir string) (int, error) {
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return 0, fmt.Errorf("PostgreSQL's server programs: %w", err)
		}
	}
	output, err := runShort(ctx, a.command("/", filepath.Join(dir, "postgres"), "--version"))
	if err != nil {
		return 0, errors.Join(fmt.Errorf("run %s --version as %s: %w", filepath.Join(dir, "postgres"), a.name, err), errors.New(string(output)))
	}
	match := versionLine.FindSubmatch(output)
	if match == nil {
		return 0, fmt.Errorf("%s --version says %q", filepath.Join(dir, "postgres"), output)
	}
	return strconv.Atoi(string(match[1]))
}
