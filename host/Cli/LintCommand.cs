using System.CommandLine;
using Berth.Admin;
using Berth.Admin.Lint;
using Berth.Admin.Protos;
using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Cli;

internal static class LintCommand
{
    private const string Installed = "/etc/berth/plugins.json";

    public static Command Create()
    {
        var config = new Option<string>("--config") { Description = "The configuration", HelpName = "plugins.json", DefaultValueFactory = static _ => Installed };
        var files = new Option<string[]>("--file", "-f") { Description = "A file of RuntimeClass manifests; may be given several times", HelpName = "classes.yaml" };
        var strict = new Option<bool>("--strict") { Description = "Warnings fail too" };
        var json = CliOptions.Json();
        var command = new CliCommand(
            "lint",
            "Checks plugins.json, the plugins' manifests and RuntimeClass manifests against each other; no gateway is asked. Exit code 1 if anything is an error.",
            "berth lint --config plugins.json",
            "berth lint --config plugins.json -f runtimeclasses.yaml --strict",
            "kubectl get runtimeclasses -o yaml | berth lint -f -")
        { config, files, strict, json };

        command.Do(async (result, cancellationToken) =>
        {
            var classes = new List<RuntimeClassManifest>();
            foreach (var file in result.GetValue(files) ?? [])
            {
                var documents = await ManifestFile.ReadAsync(file, cancellationToken);
                classes.AddRange(documents.Select(d => RuntimeClassManifest.Of(file, d)).OfType<RuntimeClassManifest>());
            }

            var findings = Examine(result.GetValue(config)!, classes).OrderByDescending(static f => f.Severity).ToList();
            Show(result, findings, result.GetValue(json));
            var worst = findings.Select(static f => f.Severity).DefaultIfEmpty().Max();
            return worst >= (result.GetValue(strict) ? DoctorSeverity.Warning : DoctorSeverity.Error) ? CliAction.Failure : CliAction.Success;
        });
        return command;
    }

    private static IReadOnlyList<DoctorFinding> Examine(string config, IReadOnlyList<RuntimeClassManifest> classes)
    {
        try
        {
            var options = CliConfiguration.Load(config, new Dictionary<string, string>());
            var handlers = HandlerPlan.Read(options);
            return [.. ConfigurationLint.Examine(options, handlers), .. RuntimeClassLint.Examine(classes, handlers)];
        }
        catch (ConfigurationException e)
        {
            return [.. e.Errors.Select(error => DoctorFinding.Error(config, error, "the gateway does not start like this"))];
        }
    }

    private static void Show(ParseResult result, List<DoctorFinding> findings, bool json)
    {
        if (json)
        {
            CliOutput.Json(result, new DoctorResponse { Findings = { findings.Select(AdminMapping.ToFinding) } });
        }
        else if (findings.Count == 0)
        {
            CliOutput.Line(result, "nothing to say: all fits together");
        }
        else
        {
            CliOutput.Table(result, ["", "SUBJECT", "FINDING", "REMEDY"], findings.Select(static f => new[] { f.Severity == DoctorSeverity.Ok ? "note" : AdminMapping.ToFinding(f).Severity, f.Subject, f.Message, f.Remedy }));
        }
    }
}
