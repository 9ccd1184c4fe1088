package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"

	"github.com/counterfoil/counterfoil/shared/filelock"
)

// rootsCache is where root keeps downloads when PostgreSQL's user cannot reach
// root's own cache.
const rootsCache = "/var/cache/counterfoil"

// newestDownload is what is downloaded when there is no data yet.
const newestDownload = 17

// downloadable names the version to download for each major version.
var downloadable = map[int]embeddedpostgres.PostgresVersion{
	14: embeddedpostgres.V14,
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

// downloadBinaries returns the directory of downloaded server programs. They are
// downloaded once per user and version.
func downloadBinaries(ctx context.Context, a account, major int, say func(string)) (string, error) {
	if major == 0 {
		major = newestDownload
	}
	version, ok := downloadable[major]
	if !ok {
		return "", fmt.Errorf("the data is of PostgreSQL %d: install that version, none of it can be downloaded", major)
	}
	cache, err := downloadCache(a)
	if err != nil {
		return "", err
	}
	lock, err := filelock.Wait(ctx, filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Release()
	unpacked := filepath.Join(cache, "postgres-"+string(version))
	bin := filepath.Join(unpacked, "bin")
	if _, err := os.Stat(unpacked); err == nil {
		if _, err := majorVersion(ctx, a, bin); err != nil {
			return "", fmt.Errorf("use the downloaded PostgreSQL (remove %s to download it again): %w", unpacked, err)
		}
		return bin, nil
	}
	say(fmt.Sprintf("downloading PostgreSQL %s for %s/%s from Maven Central to %s: about 15 MB, once", strings.TrimSuffix(string(version), ".0"), runtime.GOOS, runtime.GOARCH, unpacked))
	unfinished := unpacked + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := fetch(ctx, version, unfinished, say); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w: try again, or install PostgreSQL %d or later, which is then used", version, err, oldestMajor)
	}
	// A download that somebody gave up on is kept too when it has worked.
	if _, err := majorVersion(context.WithoutCancel(ctx), a, filepath.Join(unfinished, "bin")); err != nil {
		return "", fmt.Errorf("download PostgreSQL %s: %w", version, err)
	}
	if err := os.Rename(unfinished, unpacked); err != nil {
		return "", err
	}
	return bin, ctx.Err()
}

// downloadCache makes the directory that downloads are kept in, reachable for the account.
func downloadCache(a account) (string, error) {
	var tried []string
	if user, err := os.UserCacheDir(); err == nil {
		tried = append(tried, filepath.Join(user, "counterfoil"))
	}
	if a.cred != nil {
		tried = append(tried, rootsCache)
	}
	var errs []error
	for _, dir := range tried {
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = a.enter(dir)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(append(errs, fmt.Errorf("no directory to download PostgreSQL to that %s can enter: tried %q", a.name, tried))...)
}

// fetch downloads and unpacks the programs into dir.
//
// The library finds, checks and unpacks the right archive for this machine, but
// only as the first half of starting a server as the current user. Its second half
// begins with clearing the data directory, and it ends there: the directory that
// it is given lies below a regular file. So whether fetching worked is judged by
// the caller, who runs what was fetched.
func fetch(ctx context.Context, version embeddedpostgres.PostgresVersion, dir string, say func(string)) error {
	work := dir + ".work"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	file := filepath.Join(work, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(version).
		Port(0).
		CachePath(filepath.Join(work, "archive")).
		RuntimePath(filepath.Join(work, "runtime")).
		BinariesPath(dir).
		DataPath(filepath.Join(file, "no-data")).
		Logger(io.Discard))
	result := make(chan error, 1)
	go func() { result <- library.Start() }()
	began, tick := time.Now(), time.NewTicker(10*time.Second)
	defer tick.Stop()
	cancelled := ctx.Done()
	for {
		select {
		case err := <-result:
			if _, statErr := os.Stat(filepath.Join(dir, "bin", "postgres")); statErr != nil {
				return err
			}
			return readableByAll(dir)
		case <-tick.C:
			say(fmt.Sprintf("still downloading PostgreSQL (%s)", time.Since(began).Round(time.Second)))
		case <-cancelled:
			// The library's download cannot be interrupted, and it writes to the
			// directory: it is waited for.
			say("stopping when the download has ended")
			cancelled = nil
		}
	}
}

// readableByAll undoes a strict umask, because root fetches for another user.
func readableByAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if entry.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		return os.Chmod(path, mode)
	})
}
