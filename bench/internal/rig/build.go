package rig

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// build returns the program of a service, built once in a run, at a revision or as the checkout holds it.
func (r *Rig) build(ctx context.Context, revision, name string) (string, error) {
	key := filepath.Join(revision, name)
	if path, ok := r.built[key]; ok {
		return path, nil
	}
	root, err := r.source(ctx, revision)
	if err != nil {
		return "", err
	}
	r.cfg.Say("building %s", key)
	path := filepath.Join(r.dir, "bin", key)
	if err := execute(ctx, filepath.Join(root, name), "go", "build", "-o", path, "./cmd/"+name); err != nil {
		return "", err
	}
	r.built[key] = path
	return path, nil
}

// source returns a folder with the repository at the revision: another working tree, which Close removes.
func (r *Rig) source(ctx context.Context, revision string) (string, error) {
	if revision == "" {
		return r.root, nil
	}
	dir := filepath.Join(r.dir, "source", revision)
	if r.trees[dir] {
		return dir, nil
	}
	r.trees[dir] = true
	return dir, execute(ctx, r.root, "git", "worktree", "add", "--force", "--detach", dir, revision)
}

// removeTrees makes git forget the working trees.
func (r *Rig) removeTrees(ctx context.Context) (err error) {
	for dir := range r.trees {
		if failed := execute(ctx, r.root, "git", "worktree", "remove", "--force", dir); failed != nil {
			err = failed
		}
	}
	return err
}

func execute(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, output)
	}
	return nil
}
