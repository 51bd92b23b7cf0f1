package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed maven
var poms embed.FS

const (
	secantusVersion = "0.7.0b3"
	apicurioVersion = "2.6.13.Final"
)

// CacheDir is where installed servers are kept: CULVERT_CACHE, else a folder in
// the user's cache.
func CacheDir() (string, error) {
	if dir := os.Getenv("CULVERT_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "culvert-servers"), err
}

// install makes the folder name in the cache by calling fill with a temporary
// folder, and renames it when it is whole: an interrupted install leaves nothing
// that looks like one.
func install(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	final := filepath.Join(cache, name)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, name+".partial-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := fill(ctx, tmp); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	if err := os.Rename(tmp, final); err != nil && !os.IsExist(err) {
		if _, there := os.Stat(final); there == nil {
			return final, nil // another run was faster
		}
		return "", err
	}
	return final, nil
}

// maven copies the dependencies of one of our poms into a folder of the cache.
func maven(ctx context.Context, name string) (string, error) {
	pom, err := poms.ReadFile("maven/" + name + ".xml")
	if err != nil {
		return "", err
	}
	// A pom that has changed is another folder.
	return install(ctx, fmt.Sprintf("%s-jars-%.4x", name, sha256.Sum256(pom)), func(ctx context.Context, dir string) error {
		file := filepath.Join(dir, "pom.xml")
		if err := os.WriteFile(file, pom, 0o644); err != nil {
			return err
		}
		return command(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	})
}

// KafkaJars returns the folder with the jars of Kafka, Connect and Streams.
func KafkaJars(ctx context.Context) (string, error) { return maven(ctx, "kafka") }

// MongoConnectorJars returns the folder with MongoDB's connector for the Java worker.
func MongoConnectorJars(ctx context.Context) (string, error) { return maven(ctx, "mongo-connector") }

// ApicurioConverterJars returns the folder with an Avro converter for the Java worker.
func ApicurioConverterJars(ctx context.Context) (string, error) {
	return maven(ctx, "apicurio-converter")
}

// ConnectClientJars returns the folder with a client of Connect's REST API in Java.
func ConnectClientJars(ctx context.Context) (string, error) { return maven(ctx, "connect-client") }

func apicurio(ctx context.Context) (string, error) {
	return install(ctx, "apicurio-"+apicurioVersion, func(ctx context.Context, dir string) error {
		artifact := "io.apicurio:apicurio-registry-app:" + apicurioVersion + ":tar.gz:all"
		if err := command(ctx, "mvn", "-q", "-B", "dependency:copy", "-Dartifact="+artifact, "-DoutputDirectory="+dir); err != nil {
			return err
		}
		archive := filepath.Join(dir, "apicurio-registry-app-"+apicurioVersion+"-all.tar.gz")
		if err := command(ctx, "tar", "-xzf", archive, "-C", dir); err != nil {
			return err
		}
		return os.Remove(archive)
	})
}

// Python returns a virtual environment that has the packages.
func Python(ctx context.Context, name string, packages ...string) (string, error) {
	return install(ctx, name, func(ctx context.Context, dir string) error {
		// The folder is renamed afterwards: nothing in it may be started by its own
		// shebang, callers run bin/python -m.
		if err := command(ctx, "python3", "-m", "venv", "--copies", dir); err != nil {
			return err
		}
		return command(ctx, filepath.Join(dir, "bin", "python"), append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check"}, packages...)...)
	})
}

func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out.Bytes())
	}
	return nil
}
