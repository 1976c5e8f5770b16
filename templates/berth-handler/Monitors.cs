using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Berth.Abstractions;

namespace Example;

/// <summary>
/// conmon, one for each container: it runs the runtime's create, holds the output, writes the log and the exit status, and
/// does not end with the gateway. It is found again by the container's id in its command line.
/// </summary>
internal static class Monitors
{
    /// <summary>Starts it and waits for the runtime's create: the init's pid, or why the runtime refused.</summary>
    public static async Task<(int Pid, string? Refusal)> StartAsync(Tools tools, CreateContainerRequest request)
    {
        // Descriptor 3, where conmon reports, is the pipe that this process reads as standard output. Who is killed between its
        // fork and this line leaves a child that nobody can find yet: it asks, before there is anything, whether it still may.
        using var process = Programs.Start(
            "/bin/sh",
            [
                "-c", "[ -s \"$1\" ] || exit 0; shift; export _OCI_SYNCPIPE=3; exec \"$@\" 3>&1 >/dev/null 2>&1 </dev/null", "sh",
                tools.Entry(request.SandboxId, request.ContainerId), tools.Monitor, "--sync", "--full-attach",
                "--bundle", request.BundlePath, "--cid", request.ContainerId, "--cuuid", request.ContainerId, "--name", request.Name,
                "--runtime", tools.RuntimePath, .. tools.GlobalArguments.Select(static a => $"--runtime-arg={a}"),
                "--log-path", request.LogPath is { } log ? $"k8s-file:{log}" : "off", "--log-level", "error",
                "--container-pidfile", Files.Pid(request), "--persist-dir", request.PrivateDirectory,
            ],
            readOutput: true);
        using var output = process.StandardOutput;
        ContainerCgroup.Place(request.Cgroup.OverheadPath, process.Id);
        var line = await output.ReadLineAsync()
            ?? throw RuntimeException.Unavailable($"container {request.ContainerId}: its monitor ended without a report; is there a folder for {request.LogPath}?");
        using var report = JsonDocument.Parse(line);
        var pid = report.RootElement.TryGetProperty("pid", out var number) ? number.GetInt32() : 0;
        if (pid > 0)
        {
            ContainerCgroup.Remember(request, pid);
            return (pid, null);
        }

        return (0, report.RootElement.TryGetProperty("message", out var message) ? message.GetString() : "the runtime gives no reason");
    }

    /// <summary>The monitor's pid, if it lives.</summary>
    public static int? Find(string id) =>
        Processes().Where(p => Array.IndexOf(p.Words, "--cid") is >= 0 and var at && p.Words.ElementAtOrDefault(at + 1) == id)
            .Select(static p => (int?)p.Pid).FirstOrDefault();

    /// <summary>
    /// What works on the container from outside: its monitor, the runtime, and a container's first process until the bundle's program
    /// takes its place. Their command lines have the container's id, and the runtime's folder as nobody else's have.
    /// </summary>
    public static IEnumerable<int> Working(Tools tools, string id) =>
        Processes().Where(p => p.Words.Contains(id) && p.Words.Any(w => w.EndsWith(tools.RootArgument, StringComparison.Ordinal))).Select(static p => p.Pid);

    /// <summary>Waits for its end; at once if there is none.</summary>
    public static async Task EndAsync(string id)
    {
        if (Find(id) is not { } pid)
        {
            return;
        }

        try
        {
            using var process = Process.GetProcessById(pid);
            await process.WaitForExitAsync();
        }
        catch (ArgumentException)
        {
            // It has ended between the two lines.
            return;
        }
    }

    /// <summary>Whether it has the file open by that path: after a rotation the old one has another.</summary>
    public static bool WritesTo(int monitor, string? path) =>
        path is null || Directory.EnumerateFiles($"/proc/{monitor}/fd").Any(link => new FileInfo(link).LinkTarget == path);

    private static IEnumerable<(int Pid, string[] Words)> Processes()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(static f => char.IsAsciiDigit(f[6])))
        {
            string[] words;
            try
            {
                words = File.ReadAllText(Path.Combine(folder, "cmdline")).Split('\0');
            }
            catch (IOException)
            {
                // It has ended meanwhile.
                continue;
            }

            yield return (int.Parse(folder[6..], CultureInfo.InvariantCulture), words);
        }
    }
}
