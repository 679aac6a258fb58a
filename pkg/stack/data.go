package stack

import (
	"github.com/poststack/poststack/pkg/engine"
	"github.com/poststack/poststack/pkg/image"
)

// ImageData is an image that a phase built or found unchanged, as a value for machines.
type ImageData struct {
	Name        string      `json:"name"`
	Ref         string      `json:"ref"`        // for people, :latest
	DigestRef   string      `json:"digest_ref"` // for code: always the image with these inputs
	ID          string      `json:"id"`
	InputDigest string      `json:"input_digest"`
	SizeBytes   int64       `json:"size_bytes"` // unpacked
	Unchanged   bool        `json:"unchanged"`  // nothing was built
	Cached      int         `json:"cached_steps"`
	Steps       []ImageStep `json:"steps"` // in order; empty when unchanged
}

// ImageStep is a step of a build.
type ImageStep struct {
	Text    string  `json:"text"`
	Cached  bool    `json:"cached"`
	Seconds float64 `json:"seconds"`
}

// imageData is res as a value for machines.
func imageData(res image.Result) ImageData {
	data := ImageData{
		Name: res.Name, Ref: string(res.Ref), DigestRef: string(res.DigestRef), ID: string(res.ID),
		InputDigest: string(res.InputDigest), SizeBytes: res.SizeBytes, Unchanged: res.Skipped,
		Cached: res.CachedSteps, Steps: make([]ImageStep, len(res.StepTimes)),
	}
	for i, step := range res.StepTimes {
		data.Steps[i] = ImageStep{Text: step.Text, Cached: step.Cached, Seconds: step.Duration.Seconds()}
	}
	return data
}

// EngineData is an engine that could be used, and what became of it.
type EngineData struct {
	Engine        engine.Kind `json:"engine"`
	Used          bool        `json:"used"`
	Works         bool        `json:"works"`
	Reason        string      `json:"reason,omitempty"` // why it does not work
	Program       string      `json:"program"`          // path of its command line; "" when there is none
	Version       string      `json:"version"`
	Endpoint      string      `json:"endpoint"`
	Rootless      bool        `json:"rootless"`
	StorageDriver string      `json:"storage_driver"`
	Workarounds   []string    `json:"workarounds"`
}

// enginesData are engines as a value for machines.
func enginesData(found []engine.Candidate) []EngineData {
	list := make([]EngineData, 0, len(found))
	for _, c := range found {
		list = append(list, EngineData{
			Engine: c.Info.Kind, Used: c.Selected, Works: c.Works, Reason: c.Reason, Program: c.Program, Version: c.Info.Version,
			Endpoint: c.Info.Endpoint, Rootless: c.Info.Rootless, StorageDriver: c.Info.StorageDriver,
			Workarounds: append([]string{}, c.Info.Workarounds...),
		})
	}
	return list
}
