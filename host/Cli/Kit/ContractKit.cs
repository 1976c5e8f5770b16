using System.Collections;
using System.Runtime.InteropServices;
using Berth.Abstractions;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Cli.Kit;

/// <summary>The contract suite as a program of its own, run against one plugin's folder.</summary>
/// <param name="folder">Where the program is.</param>
/// <param name="busybox">What its containers run.</param>
internal sealed class ContractKit(string folder, string busybox)
{
    private const string Assembly = "Berth.Tests.Contract.dll";
    private const int MostOutput = 4 << 20;

    /// <summary>Beside an installed program; in a built tree, beside the program's folder.</summary>
    public static string DefaultFolder { get; } = Path.Combine(AppContext.BaseDirectory, "kit") is var installed && Directory.Exists(installed)
        ? installed
        : Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", "Berth.Tests.Contract", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/'))));

    /// <param name="plugin">The plugin's folder, absolute.</param>
    /// <param name="options">A JSON object: options by handler.</param>
    /// <param name="only">Parts of the contract; empty is all.</param>
    /// <param name="junit">Where the results go too; null for nowhere.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RuntimeException">There is no kit, no plugin, or the suite did not run.</exception>
    public async Task<KitReport> RunAsync(string plugin, string options, IReadOnlyList<string> only, string? junit, CancellationToken cancellationToken)
    {
        Require(File.Exists(Path.Combine(folder, Assembly)), $"the contract kit is not in {folder}: deploy/install puts it beside the program, as `kit`, and a built tree has it too; name its folder with --kit");
        Require(File.Exists(busybox), $"there is no busybox at {busybox}: install busybox-static, or name one with --busybox");
        var handlers = Handlers(plugin);
        var results = junit is null ? Path.GetTempFileName() : Path.GetFullPath(junit);
        try
        {
            var answer = await CommandRunner.RunAsync(Command(plugin, options, only, results), null, MostOutput, cancellationToken);
            var report = new FileInfo(results) is { Exists: true, Length: > 0 }
                ? KitReport.Read(results, handlers)
                : throw RuntimeException.FailedPrecondition($"the suite did not run: {answer.OutputText.Trim()} {answer.Error}");
            return only.FirstOrDefault(part => report.Results.All(r => r.Part != part)) is not { } unknown
                ? report
                : throw RuntimeException.InvalidArgument($"the contract has no part '{unknown}': a run without --only names all of them");
        }
        finally
        {
            if (junit is null)
            {
                File.Delete(results);
            }
        }
    }

    // By the gateway's own reader: what it refuses, the kit does too.
    private static IReadOnlyCollection<string> Handlers(string plugin)
    {
        var path = Path.Combine(plugin, PluginManifestReader.FileName);
        Require(File.Exists(path), $"there is no {PluginManifestReader.FileName} in {plugin}");
        try
        {
            return [.. PluginManifestReader.Read(path).Handlers.Keys];
        }
        catch (PluginRejectedException e)
        {
            throw RuntimeException.InvalidArgument(e.Message);
        }
    }

    private Command Command(string plugin, string options, IReadOnlyList<string> only, string results)
    {
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(static e => (string)e.Key, static e => (string?)e.Value ?? "");
        environment["BERTH_KIT_PLUGIN"] = plugin;
        environment["BERTH_KIT_OPTIONS"] = options;
        environment["BERTH_TEST_BUSYBOX"] = busybox;
        return new()
        {
            Path = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet")),
            Arguments =
            [
                Path.Combine(folder, Assembly), "-noLogo", "-noColor", "-junit", results,
                .. only.SelectMany(static part => (string[])["-class", $"*.{part}Contract"]),
            ],
            Environment = environment,
        };
    }

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw RuntimeException.NotFound(otherwise);
        }
    }
}
