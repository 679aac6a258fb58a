package stack

import "github.com/poststack/poststack/pkg/image"

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
