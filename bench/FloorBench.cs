using System.Formats.Tar;
using System.Text.Json.Nodes;
using Berth.Linux;
using Berth.Tests.Support;

namespace Berth.Bench;

/// <summary>The runtimes alone: what no gateway in front of them can be faster than.</summary>
internal static class FloorBench
{
    public const string Create = "create", Start = "start", Delete = "kill + delete", All = "create + start + delete";

    /// <summary>Creates, starts and deletes the same bundle; null and the reason where the runtime does not run here.</summary>
    public static async Task<(Timings? Timings, string Reason)> MeasureAsync(string runtime, int times)
    {
        using var folder = new TempFolder("/var/lib");
        using var state = new TempFolder("/run");
        await WriteBundleAsync(folder, runtime);
        var timings = new Timings();
        for (var i = 0; i < times; i++)
        {
            var begin = System.Diagnostics.Stopwatch.GetTimestamp();
            foreach (var (step, verb) in ((string, string[])[])[(Create, ["create", "--bundle", folder.Path, "floor"]), (Start, ["start", "floor"]), (Delete, ["delete", "--force", "floor"])])
            {
                var result = await timings.MeasureAsync(step, () => RunAsync(runtime, ["--root", state.Path, .. verb]));
                if (result.ExitCode != 0)
                {
                    await RunAsync(runtime, ["--root", state.Path, "delete", "--force", "floor"]);
                    return (null, result.Error);
                }
            }

            timings.Add(All, System.Diagnostics.Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        return (timings, "");
    }

    // The container's own output would keep a pipe open, so it has none.
    private static async Task<CommandResult> RunAsync(string runtime, string[] arguments)
    {
        using var errors = new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 1, FileOptions.DeleteOnClose);
        using var output = SafeFd.Duplicate((int)errors.SafeFileHandle.DangerousGetHandle());
        using var child = ChildProcess.Start(new Command { Path = runtime, Arguments = arguments, Descriptors = new Dictionary<int, SafeFd> { [2] = output } });
        var code = await child.WaitAsync(CancellationToken.None);
        errors.Position = 0;
        return new(code, [], await new StreamReader(errors).ReadToEndAsync());
    }

    private static async Task WriteBundleAsync(TempFolder folder, string runtime)
    {
        var layer = new MemoryStream();
        await Cli.Up.BusyboxLayer.WriteAsync(layer, Busybox.Path, CancellationToken.None);
        layer.Position = 0;
        await TarFile.ExtractToDirectoryAsync(layer, folder.Folder("rootfs"), overwriteFiles: false);
        var spec = await CommandRunner.RunAsync(new Command { Path = runtime, Arguments = ["spec"], WorkingDirectory = folder.Path }, null, 4096, CancellationToken.None);
        if (spec.ExitCode != 0)
        {
            throw new InvalidOperationException($"{runtime} spec: {spec.Error}");
        }

        var config = JsonNode.Parse(await File.ReadAllTextAsync(folder["config.json"]))!;
        config["process"]!["terminal"] = false;
        config["process"]!["args"] = new JsonArray("/bin/sleep", "3600");
        config["linux"]!["cgroupsPath"] = $"{Requests.Cgroups}/floor-{runtime}";
        await File.WriteAllTextAsync(folder["config.json"], config.ToJsonString());
    }
}
