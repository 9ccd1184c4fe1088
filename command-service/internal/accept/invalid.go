package accept

import (
	"strings"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// invalid returns a fault that tells the client what is wrong, as a sentence.
func invalid(code fault.Code, what error) error {
	text := what.Error()
	return fault.New(code, strings.ToUpper(text[:1])+text[1:]+".", nil)
}
