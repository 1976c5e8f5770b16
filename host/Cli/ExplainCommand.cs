using System.CommandLine;
using System.Text.Json;
using Berth.Admin;
using Berth.Admin.Lint;
using Berth.Admin.Protos;
using Berth.Plugins;

namespace Berth.Cli;

internal static class ExplainCommand
{
    public static Command Create()
    {
        var file = new Option<string>("--file", "-f") { Description = "A manifest of a Pod or a workload, YAML or JSON; - is standard input", HelpName = "pod.yaml", Required = true };
        var runtimeClass = new Option<string?>("--runtime-class")
        {
            Description = "The RuntimeClass in place of the pod's own; its handler is what a RuntimeClass of this name in the file says, else this very name",
            HelpName = "NAME",
        };
        var config = CliOptions.Config("Asks this configuration instead of the live gateway");
        var socket = CliOptions.Socket();
        var json = CliOptions.Json();
        var command = new CliCommand(
            "explain",
            "Says which handler a pod would get, and every rule that was looked at. Exit code 1 if the pod would be refused.",
            "berth explain -f pod.yaml",
            "berth explain -f pod.yaml --runtime-class crun",
            "berth explain -f pod.yaml --config plugins.json")
        { file, runtimeClass, config, socket, json };

        command.Do(async (result, cancellationToken) =>
        {
            var path = result.GetValue(file)!;
            var documents = await ManifestFile.ReadAsync(path, cancellationToken);
            var pod = ManifestFile.PodOf(documents, path);
            var handler = RuntimeClassManifest.HandlerOf(result.GetValue(runtimeClass) ?? PodManifest.RuntimeClass(pod) ?? "", documents);
            var answer = result.GetValue(config) is { } configuration
                ? Offline(pod, handler, configuration)
                : await AskAsync(result.GetValue(socket)!, pod, handler, cancellationToken);
            Show(result, answer, result.GetValue(json));
            return answer.Refusal.Length > 0 ? CliAction.Failure : CliAction.Success;
        });
        return command;
    }

    // Whether they are ready only a gateway knows: here all are.
    private static ExplainResponse Offline(JsonElement pod, string handler, string path)
    {
        var options = CliConfiguration.Load(path, new Dictionary<string, string>());
        var handlers = HandlerPlan.Read(options).Where(static p => !p.Disabled).ToDictionary(static p => p.Name, static _ => "");
        return Explanation.Of(pod, handler, options.Selection, handlers);
    }

    private static async Task<ExplainResponse> AskAsync(string socket, JsonElement pod, string handler, CancellationToken cancellationToken)
    {
        using var client = new AdminClient(socket);
        return await client.ExplainAsync(new() { PodJson = pod.GetRawText(), RuntimeHandler = handler }, cancellationToken);
    }

    private static void Show(ParseResult result, ExplainResponse answer, bool json)
    {
        if (json)
        {
            CliOutput.Json(result, answer);
            return;
        }

        CliOutput.Line(result, answer.Refusal.Length > 0 ? $"refused: {answer.Reason}" : $"handler {answer.Handler}: {answer.Reason}");
        CliOutput.Line(result, "");
        CliOutput.Table(result, ["", "RULE", "DETAIL"], answer.Steps.Select(static s => new[] { s.Matched ? "=>" : "", s.Rule, s.Detail }));
    }
}
