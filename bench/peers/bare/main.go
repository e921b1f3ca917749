// Command bare is the least that a Lambda does that reads a parameter, written
// the usual way: it binds nothing.
package main

import (
	"context"
	"encoding/json"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

type request struct {
	RequestID string `json:"requestId"`
	Params    struct{ Environment string }
}

type response struct {
	RequestID string          `json:"requestId"`
	Status    string          `json:"status"`
	Fragment  json.RawMessage `json:"fragment"`
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := ssm.NewFromConfig(cfg)
	lambda.Start(func(ctx context.Context, r request) (response, error) {
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{
			Name:           aws.String("/permissions-boundary/" + r.Params.Environment),
			WithDecryption: aws.Bool(true),
		})
		if err != nil {
			return response{}, err
		}
		value, err := json.Marshal(map[string]*string{"PermissionsBoundary": out.Parameter.Value})
		return response{r.RequestID, "success", value}, err
	})
}
