namespace Berth.Plugins.Rkt;

/// <summary>
/// A pod on disk:
/// <code>
///   &lt;phase&gt;/&lt;uuid&gt;/        locked (flock) as long as stage 1 runs
///     pod                  what the pod is
///     supervisor, exit     who runs stage 1, and how it ended
///     machine              stage 1's first process
///     log                  what systemd-nspawn has to say
///     stage1/rootfs/       the machine's root, a shared mount: what is mounted beneath appears in the machine
///       rkt/status/&lt;app&gt;    an app's exit status; &lt;app&gt;-created, &lt;app&gt;-started: since when
///       rkt/run/&lt;app&gt;       what crun keeps
///       opt/stage2/&lt;app&gt;/   an app
/// </code>
/// </summary>
internal sealed record PodFolder(string Path, Phase Phase)
{
    public string Uuid => System.IO.Path.GetFileName(Path);

    public string MachineName => $"rkt-{Uuid}";

    public string Manifest => In("pod");

    public string Supervisor => In("supervisor");

    public string Exit => In("exit");

    public string Machine => In("machine");

    public string Log => In("log");

    public string Rootfs => In("stage1/rootfs");

    public string Ready => In("stage1/rootfs/rkt/ready");

    public string Status => In("stage1/rootfs/rkt/status");

    public string RuntimeRoot => In("stage1/rootfs/rkt/run");

    public string Stage2 => In("stage1/rootfs/opt/stage2");

    public AppFolder App(string id) => new(this, id);

    public IReadOnlyList<AppFolder> Apps() =>
        Directory.Exists(Stage2) ? [.. Directory.EnumerateDirectories(Stage2).Select(d => App(System.IO.Path.GetFileName(d)))] : [];

    private string In(string name) => System.IO.Path.Combine(Path, name);
}

/// <summary>An app's folder in its pod, and what is written elsewhere under its name.</summary>
internal sealed record AppFolder(PodFolder Pod, string Id)
{
    public string Path => System.IO.Path.Combine(Pod.Stage2, Id);

    public string Manifest => In("app");

    public string Supervisor => In("supervisor");

    /// <summary>Why the runtime would not have it.</summary>
    public string Refusal => In("refusal");

    public string Rootfs => In("rootfs");

    public string Config => In("config.json");

    public string Log => In("log");

    public string Volume(int number) => In($"volumes/{number}");

    /// <summary>The process ids of the app and its supervisor, as stage 1 counts.</summary>
    public string Pid => In("pid");

    public string MonitorPid => In("monitor-pid");

    public string Exec(string execId, string what) => In($"exec-{execId}.{what}");

    public string Status => System.IO.Path.Combine(Pod.Status, Id);

    public string Created => Status + "-created";

    public string Started => Status + "-started";

    public string RuntimeState => System.IO.Path.Combine(Pod.RuntimeRoot, Id);

    private string In(string name) => System.IO.Path.Combine(Path, name);
}

/// <summary>Where a pod is in its life; each is a folder, and a pod moves by a rename.</summary>
internal enum Phase
{
    /// <summary>It has a name.</summary>
    Embryo,

    /// <summary>Its tree is being made, as long as it is locked; else that was cut off.</summary>
    Prepare,

    /// <summary>Its tree is made.</summary>
    Prepared,

    /// <summary>It runs, or ran.</summary>
    Run,

    /// <summary>It is over: first pass of the collection.</summary>
    ExitedGarbage,

    /// <summary>It never ran, and goes.</summary>
    Garbage,
}
