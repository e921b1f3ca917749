package deploy

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"permissions-boundary-macro/transform/rules"
)

// What a log for code scanning has of SARIF 2.1.0.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Columns string        `json:"columnKind"`
		Results []sarifResult `json:"results"` // none is a run that found nothing
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               rules.Code `json:"id"`
		ShortDescription sarifText  `json:"shortDescription"`
		HelpURI          string     `json:"helpUri"`
	}
	sarifResult struct {
		RuleID              rules.Code        `json:"ruleId"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
)

const (
	sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"
	projectPage = "https://github.com/OWNER/permissions-boundary-macro"

	// maxResults is how many results code scanning takes of a run. Source: GitHub,
	// SARIF support for code scanning.
	maxResults = 25_000

	// fingerprintName is the one that code scanning tells alerts apart by.
	fingerprintName = "primaryLocationLineHash"
)

// printSARIF prints a log that code scanning reads.
func (p *pbm) printSARIF(findings []remark, codes []aboutCode) error {
	driver := sarifDriver{Name: "pbm", Version: build().Version, InformationURI: projectPage}
	for _, c := range codes {
		driver.Rules = append(driver.Rules, ruleOf(c.code, c.about))
	}
	if len(findings) > maxResults {
		p.line("warning: ", fmt.Sprintf("the log holds the first %d of %d findings, the most that code scanning takes", maxResults, len(findings)))
		findings = findings[:maxResults]
	}
	return p.printJSON(sarifLog{sarifSchema, "2.1.0", []sarifRun{{sarifTool{driver}, "unicodeCodePoints", sarifResults(findings)}}})
}

// allCheckCodes are all codes that check may find.
func allCheckCodes() []aboutCode {
	codes := slices.Clone(checkCodes)
	for _, code := range rules.Codes() {
		codes = append(codes, aboutCode{code, "a resource that " + code.About()})
	}
	return codes
}

func ruleOf(code rules.Code, about string) sarifRule {
	return sarifRule{code, sarifText{sarifMessage.Replace(about)}, projectPage + "/blob/main/docs/troubleshooting.md#" + string(code)}
}

func sarifResults(findings []remark) []sarifResult {
	results := make([]sarifResult, 0, len(findings))
	alike := map[string]int{}
	for _, f := range findings {
		place := sarifPlace{sarifArtifact{sarifURI(f.path)}, sarifRegion{max(1, f.line), f.column}}
		key := strings.Join([]string{string(f.code), f.level, place.ArtifactLocation.URI, f.of}, "\n")
		alike[key]++
		results = append(results, sarifResult{
			RuleID:              f.code,
			Level:               f.level,
			Message:             sarifText{sarifMessage.Replace(f.whole())},
			Locations:           []sarifLocation{{place}},
			PartialFingerprints: map[string]string{fingerprintName: fingerprint(key, alike[key])},
		})
	}
	return results
}

// sarifMessage escapes what makes a link of text in a message. Source: SARIF
// 2.1.0, messages with embedded links.
var sarifMessage = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `]`, `\]`)

// fingerprint stays when lines are added above, and when messages change.
func fingerprint(key string, nth int) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf("%x:%d", sum[:8], nth)
}

// sarifURI is the URI of a file: relative to the working directory, which is
// that of the repository in a job, where the file is in it.
func sarifURI(path string) string {
	directory, err := os.Getwd()
	if err != nil || !filepath.IsAbs(path) && filepath.IsLocal(path) {
		return relativeURI(path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return relativeURI(path)
	}
	if relative, err := filepath.Rel(directory, absolute); err == nil && filepath.IsLocal(relative) {
		return relativeURI(relative)
	}
	slashed := filepath.ToSlash(absolute)
	return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}).String()
}

func relativeURI(path string) string {
	segments := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	for i, segment := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(segment), ":", "%3A")
	}
	return strings.Join(segments, "/")
}
