using Berth.Abstractions;

namespace Example;

/// <summary>What all parts need: the runtime's command line, and the list of what was made.</summary>
internal sealed class Tools(HandlerConfig config, ExampleOptions options, IHandlerContext context)
{
    private static readonly TimeSpan MonitorLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(20);

    // One file for each container, so that a sandbox can be removed by its id alone. What is in it is the leave to start a monitor.
    private string Index => Path.Combine(config.StateDirectory, "s");

    public IHandlerContext Context => context;

    public ExampleOptions Options => options;

    public string RuntimePath => Programs.Find(options.Runtime) ?? options.Runtime;

    public string Monitor => Programs.Find(options.Monitor) ?? options.Monitor;

    public string RootArgument => $"--root={Path.Combine(config.StateDirectory, "r")}";

    public string[] GlobalArguments =>
        [RootArgument, .. config.CgroupDriver == CgroupDriver.Systemd ? (string[])["--systemd-cgroup"] : []];

    public string[] RuntimeCommand(string[] verb) => [RuntimePath, .. GlobalArguments, .. verb];

    public Task<(int Code, string Output, string Error)> RuntimeAsync(string[] verb, CancellationToken cancellationToken) =>
        Programs.RunAsync(RuntimePath, [.. GlobalArguments, .. verb], cancellationToken);

    public void Remember(string sandbox, string container)
    {
        Directory.CreateDirectory(Path.Combine(Index, sandbox));
        File.WriteAllText(Entry(sandbox, container), "may start");
    }

    public string Entry(string sandbox, string container) => Path.Combine(Index, sandbox, container);

    public IEnumerable<string> Known(string sandbox) =>
        Path.Combine(Index, sandbox) is var folder && Directory.Exists(folder) ? Directory.GetFiles(folder).Select(static f => Path.GetFileName(f)) : [];

    public IEnumerable<string> AllKnown() => Directory.Exists(Index) ? Directory.GetDirectories(Index).SelectMany(d => Known(Path.GetFileName(d))) : [];

    public bool IsAlive(string id) => Directory.Exists(Path.Combine(config.StateDirectory, "r", id)) || Monitors.Working(this, id).Any();

    public void Forget(string sandbox)
    {
        if (Directory.Exists(Path.Combine(Index, sandbox)))
        {
            Directory.Delete(Path.Combine(Index, sandbox), recursive: true);
        }
    }

    /// <summary>Ends and removes a container, whatever there is of it. Absent is success.</summary>
    /// <param name="sandbox">Its pod.</param>
    /// <param name="id">The container.</param>
    /// <param name="exit">Of the object that knows it, if there is one: its files stay until it has read them.</param>
    public async Task RemoveAsync(string sandbox, string id, Task<ProcessExit>? exit)
    {
        var entry = Entry(sandbox, id);
        if (File.Exists(entry))
        {
            await File.WriteAllTextAsync(entry, "");
        }

        if (IsAlive(id))
        {
            await EndAsync(id);
            var result = await RuntimeAsync(["delete", "--force", id], CancellationToken.None);
            if (result.Code != 0 && IsAlive(id))
            {
                throw RuntimeException.Unavailable($"container {id}: the runtime does not delete it: {result.Error}");
            }
        }

        await (exit ?? Task.CompletedTask);
        if (File.Exists(entry))
        {
            File.Delete(entry);
        }
    }

    // A create that is under way comes to its end, and then there is a container to kill. Only the monitor writes the exit status,
    // so it has its time for it; what is half made after that, the runtime knows nothing of.
    private async Task EndAsync(string id)
    {
        for (var begun = TimeProvider.System.GetTimestamp(); ; await Task.Delay(10))
        {
            await RuntimeAsync(["kill", "--all", id, "9"], CancellationToken.None);
            int[] left = [.. Monitors.Working(this, id)];
            var waited = TimeProvider.System.GetElapsedTime(begun);
            if (left.Length == 0)
            {
                return;
            }

            if (waited > EndLimit)
            {
                throw RuntimeException.Unavailable($"container {id}: processes {string.Join(", ", left)} do not end, killed again and again");
            }

            if (waited > MonitorLimit || Monitors.Find(id) is null)
            {
                await Programs.RunAsync("/bin/sh", ["-c", $"kill -9 {string.Join(' ', left)}"], CancellationToken.None);
            }
        }
    }
}
