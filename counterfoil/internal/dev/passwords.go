package dev

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"github.com/counterfoil/counterfoil/counterfoil/internal/envfile"
	"github.com/counterfoil/counterfoil/shared/postgres"
)

// rolePasswords returns the passwords of the database roles that the file keeps, and makes them the first time.
func rolePasswords(path string) (postgres.Roles, error) {
	var roles postgres.Roles
	kept, err := envfile.Read(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return roles, fmt.Errorf("read the passwords: %w", err)
	}
	var variables []envfile.Variable
	missing := false
	for _, password := range []struct {
		name  string
		value *string
	}{
		{"OWNER", &roles.OwnerPassword}, {"WRITER", &roles.WriterPassword}, {"READER", &roles.ReaderPassword},
	} {
		*password.value = kept[password.name]
		if *password.value == "" {
			*password.value, missing = rand.Text(), true
		}
		variables = append(variables, envfile.Variable{Name: password.name, Value: *password.value})
	}
	if !missing {
		return roles, nil
	}
	return roles, envfile.Write(path, "Passwords of the database roles counterfoil_owner, _writer and _reader. Keep this file to yourself.", variables)
}
