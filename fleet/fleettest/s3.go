package fleettest

import "strings"

func (a *Account) templateAt(region, url string) (string, error) {
	return "", invalid("TemplateURL must be a supported URL.")
}

func (a *Account) snippetAt(region, location string) (string, error) {
	return "", invalid("S3 bucket [%s] does not exist.", strings.TrimPrefix(location, "s3://"))
}
