package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	yaml "go.yaml.in/yaml/v4"

	"permissions-boundary-macro/paramstore"
	"permissions-boundary-macro/transform"
	"permissions-boundary-macro/transform/rules"
)

// template.yaml sets exactly the variables that the function reads, each from
// a parameter whose default the function takes.
func TestTemplateSetsSettings(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	require.NoError(t, err)
	var template struct {
		Parameters map[string]struct {
			Default string `yaml:"Default"`
		} `yaml:"Parameters"`
		Resources struct {
			MacroFunction struct {
				Properties struct {
					Environment struct {
						Variables map[string]string `yaml:"Variables"`
					} `yaml:"Environment"`
				} `yaml:"Properties"`
			} `yaml:"MacroFunction"`
		} `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal(text, &template))
	variables := template.Resources.MacroFunction.Properties.Environment.Variables
	read := map[string]string{}
	s, err := readSettings(func(name string) string {
		parameter, set := variables[name]
		assert.True(t, set, "%s is read, but not set", name)
		assert.Contains(t, template.Parameters, parameter)
		read[name] = parameter
		return template.Parameters[parameter].Default
	})
	require.NoError(t, err)
	assert.Equal(t, variables, read)
	defaults, err := readSettings(func(string) string { return "" })
	require.NoError(t, err)
	assert.Equal(t, defaults, s)
	assert.Equal(t, settings{
		prefix: paramstore.DefaultPrefix,
		options: transform.Options{
			Existing: rules.Replace, BlindSpots: transform.Warn,
			EnvironmentParameters: strings.Split(transform.DefaultEnvironmentParameters, ","),
		},
	}, s)
}
