// Command check says whether a folder holds an OCI image layout as the specification has it: every document against the
// specification's own schemas, every digest and size against what is there, every layer against what it unpacks to.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/opencontainers/image-spec/schema"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("name one folder"))
	}
	if err := check(os.Args[1]); err != nil {
		fail(err)
	}
	fmt.Println("ok")
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func check(folder string) error {
	path, err := layout.FromPath(folder)
	if err != nil {
		return err
	}
	index, err := path.ImageIndex()
	if err != nil {
		return err
	}
	documents := map[string]schema.Validator{
		"oci-layout": schema.ValidatorMediaTypeLayoutHeader,
		"index.json": schema.ValidatorMediaTypeImageIndex,
	}
	manifests, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, each := range manifests.Manifests {
		documents[blob(each.Digest)] = schema.ValidatorMediaTypeManifest
		image, err := index.Image(each.Digest)
		if err != nil {
			return err
		}
		manifest, err := image.Manifest()
		if err != nil {
			return err
		}
		documents[blob(manifest.Config.Digest)] = schema.ValidatorMediaTypeImageConfig
	}
	for name, validator := range documents {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		if err := validator.Validate(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return validate.Index(index)
}

func blob(digest v1.Hash) string {
	return filepath.Join("blobs", digest.Algorithm, digest.Hex)
}
