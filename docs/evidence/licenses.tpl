# Licenses

The licenses of the modules in the two programs, on all platforms. A package with a license of its own has a row of its own. `make sbom` checks this page and writes lists of the
components (CycloneDX) to `.build/sbom/`. The other modules of go.mod are for tests.

| package | version | license |
|---|---|---|
{{range .}}| `{{.Name}}` | {{.Version}} | {{.LicenseName}} |
{{end}}