package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/poststack/poststack/pkg/database"
	"github.com/poststack/poststack/pkg/engine"
)

// baseBackup is one in an archive.
type baseBackup struct {
	Label string `json:"label"`
	Type  string `json:"type"` // "full", or "diff"
	Time  struct {
		Stop int64 `json:"stop"` // in seconds, cut off
	} `json:"timestamp"`
	Database struct {
		ID int `json:"id"`
	} `json:"database"`
	major string // of PostgreSQL
}

func (b baseBackup) stop() time.Time { return time.Unix(b.Time.Stop, 0) }

// bases are the base backups, the oldest first.
func (a archived) bases(ctx context.Context, id engine.ContainerID) ([]baseBackup, error) {
	res, err := a.run(ctx, id, "--output=json", "info")
	var stanzas []struct {
		Backup    []baseBackup `json:"backup"`
		Databases []struct {
			ID      int    `json:"id"`
			Version string `json:"version"`
		} `json:"db"`
		Status struct {
			Code int `json:"code"`
		} `json:"status"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(res.Stdout), &stanzas)
	}
	if err != nil {
		return nil, fmt.Errorf("list base backups: %w", err)
	}
	const fine, noBackup = 0, 2
	if len(stanzas) != 1 || stanzas[0].Status.Code != fine && stanzas[0].Status.Code != noBackup {
		return nil, fmt.Errorf("list base backups: %s has none of %s", a.Config.Database.Archive, a.stanza())
	}
	list := stanzas[0].Backup
	for i := range list {
		for _, d := range stanzas[0].Databases {
			if d.ID == list[i].Database.ID {
				list[i].major = d.Version
			}
		}
	}
	return list, nil
}

// fullEvery is how old a full base backup gets before another one is made: what is between holds the differences.
const fullEvery = 7 * 24 * time.Hour

// base makes a base backup of the server that runs, and removes what is older than it need be.
func (a archived) base(ctx context.Context, id engine.ContainerID, target database.Target) (baseBackup, error) {
	user, err := a.open(ctx, id, target)
	var had []baseBackup
	if err == nil {
		had, err = a.bases(ctx, id)
	}
	kind := "full"
	for _, b := range had {
		if b.Type == kind && time.Since(b.stop()) < fullEvery {
			kind = "diff"
			break
		}
	}
	if err == nil {
		_, err = a.run(ctx, id, user, "--type="+kind, "backup")
	}
	if err == nil {
		had, err = a.bases(ctx, id)
	}
	if err == nil && len(had) == 0 {
		err = errors.New("the archive does not have it")
	}
	if err != nil {
		return baseBackup{}, fmt.Errorf("make base backup: %w", err)
	}
	return had[len(had)-1], nil
}

// base makes a base backup beside a file that is whole, and says so.
func (b *taking) base(ctx context.Context, data *BackupData) (text string, err error) {
	b.report.Step("making a base backup in the archive")
	made, err := archived{b.Stack, b.engine}.base(ctx, b.server, b.target)
	if err != nil {
		return "", fmt.Errorf("%w; %s is whole", err, data.File)
	}
	data.Base = made.Label
	return fmt.Sprintf("; base backup %s (%s)", made.Label, made.Type), nil
}
