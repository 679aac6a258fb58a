package stack

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/poststack/poststack/pkg/database"
)

// UnmatchedData is what a restored volume and the restored database do not both know.
type UnmatchedData struct {
	Volume string   `json:"volume"`
	What   string   `json:"what"`  // "mailbox without account"
	Names  []string `json:"names"` // directories below the volume's path
}

// unmatched compares the directories of volumes with the rows that they belong to.
func (h holder) unmatched(ctx context.Context, target database.Target) (found []UnmatchedData, err error) {
	conn, err := target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for _, v := range h.volumes {
		if v.Rows == nil {
			continue
		}
		var list bytes.Buffer
		const directories = `cd "$1" && for d in $2; do [ ! -d "$d" ] || printf '%s\n' "$d"; done`
		if err := h.print(ctx, &list, "bash", "-c", directories, "bash", v.dir(), v.Rows.Directories); err != nil {
			return nil, err
		}
		rows, _ := conn.Query(ctx, v.Rows.SQL) // its error is that of the rows
		wanted, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return nil, fmt.Errorf("compare volume %q with the database: %w", v.Name, err)
		}
		there := strings.FieldsFunc(list.String(), func(r rune) bool { return r == '\n' })
		found = append(found,
			UnmatchedData{v.Name, v.Rows.Each + " without " + v.Rows.Of, without(there, wanted)},
			UnmatchedData{v.Name, v.Rows.Of + " without " + v.Rows.Each, without(wanted, there)})
	}
	return slices.DeleteFunc(found, func(u UnmatchedData) bool { return len(u.Names) == 0 }), nil
}

// without are those of some that are not among others.
func without(some, others []string) []string {
	others = slices.Sorted(slices.Values(others))
	return slices.DeleteFunc(slices.Sorted(slices.Values(some)), func(name string) bool {
		_, among := slices.BinarySearch(others, name)
		return among
	})
}
