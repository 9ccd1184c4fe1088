package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// A Disk is a small file system that holds the table's rows.
type Disk struct {
	r   *Rig
	dir string
}

// SmallDisk moves the table's rows to a file system of that many bytes, in memory, until the test ends. Only root can.
func (r *Rig) SmallDisk(bytes int) *Disk {
	r.t.Helper()
	dir, err := os.MkdirTemp("", "counterfoil-disk-")
	if err != nil {
		r.t.Fatal(err)
	}
	var data string
	if err := r.pool.QueryRow(r.t.Context(), `SELECT current_setting('data_directory')`).Scan(&data); err != nil {
		r.t.Fatal(err)
	}
	info, err := os.Stat(data)
	if err != nil {
		r.t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	options := fmt.Sprintf("size=%d,uid=%d,gid=%d,mode=700", bytes, owner.Uid, owner.Gid)
	if err := syscall.Mount("counterfoil", dir, "tmpfs", 0, options); err != nil {
		r.t.Fatalf("mount a small file system: %v", err)
	}
	r.t.Cleanup(func() {
		// The server has it open until it ends.
		if err := errors.Join(syscall.Unmount(dir, syscall.MNT_DETACH), os.Remove(dir)); err != nil {
			r.t.Error(err)
		}
	})
	r.Super(fmt.Sprintf(`CREATE TABLESPACE small LOCATION '%s'`, dir))
	r.Super(`ALTER TABLE timestamp_v1.timestamp_records SET TABLESPACE small`)
	return &Disk{r, dir}
}

// Fill leaves no room on the disk.
func (d *Disk) Fill() {
	d.r.t.Helper()
	file, err := os.Create(d.ballast())
	if err != nil {
		d.r.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	page := make([]byte, 4096)
	for err == nil {
		_, err = file.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.r.t.Fatalf("fill the disk: %v", err)
	}
}

// Empty gives the room back.
func (d *Disk) Empty() {
	d.r.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.r.t.Fatal(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.dir, "ballast") }
