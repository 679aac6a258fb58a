package container

import (
	"fmt"

	"github.com/poststack/poststack/pkg/secret"
)

// Owner is whose a stack's containers, networks and volumes are. A stack's name alone says little: another user, or
// another home directory, may have a stack of the same name on the same engine.
type Owner struct {
	Stack string
	ID    string       // a random one, which the stack's state directory keeps
	Key   secret.Value // of the hashes in labels
	// Adopts takes things that carry the stack's name and no ID, as an earlier release made them, for this owner's.
	Adopts bool
}

// Labels are those of everything that the owner has made for a role.
func (o Owner) Labels(role string) map[string]string {
	return map[string]string{LabelStack: o.Stack, LabelOwner: o.ID, LabelRole: role}
}

// Check returns a [*ForeignError] unless labels say that the thing belongs to the owner.
func (o Owner) Check(kind, name string, labels map[string]string) error {
	id, marked := labels[LabelOwner]
	switch {
	case labels[LabelStack] != o.Stack:
		return &ForeignError{Kind: kind, Name: name, Owner: o}
	case marked && id != "" && id == o.ID, !marked && o.Adopts:
		return nil
	default:
		return &ForeignError{Kind: kind, Name: name, Owner: o, Theirs: id, Stack: true}
	}
}

// ForeignError is a container, volume or network that has the name of one of ours and is not ours.
type ForeignError struct {
	Kind, Name string
	Owner      Owner
	Stack      bool   // it belongs to a stack of the same name
	Theirs     string // the ID of that one's owner; "" if an earlier release made it
}

func (e *ForeignError) Error() string {
	text := fmt.Sprintf("use %s %q: it ", e.Kind, e.Name)
	switch {
	case !e.Stack:
		return text + fmt.Sprintf("exists and does not belong to stack %q; rename it, or set POSTSTACK_STACK to another name",
			e.Owner.Stack)
	case e.Theirs == "":
		text += fmt.Sprintf("belongs to a stack %q of an earlier release whose password is not in this state directory",
			e.Owner.Stack)
	default:
		text += fmt.Sprintf("belongs to a stack %q of another owner (%s)", e.Owner.Stack, e.Theirs)
	}
	return text + "; set POSTSTACK_STATE_DIR to where that keeps its state, or POSTSTACK_STACK to another name for a " +
		"stack of your own (docs/troubleshooting.md tells how to take it over)"
}
