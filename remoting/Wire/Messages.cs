using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Remoting.Wire;

/// <summary>What is asked or told. The gateway's verbs first, then the plugin's.</summary>
public enum Verb
{
    /// <summary>Answers at once: the process is alive.</summary>
    Ping = 1,
    Load,
    CreateHandler,
    DisposeHandler,
    Check,
    PrepareSandbox,
    StartSandbox,
    RestoreSandbox,
    DestroySandbox,
    DestroyContainer,
    ListOwned,
    PrepareImage,
    ReleaseImage,
    SandboxInfo,
    SandboxStats,
    SandboxExit,
    UpdateResources,
    OpenPort,
    CreateContainer,
    Exec,
    UpdateContainer,
    ContainerStats,
    Pids,
    ReopenLog,
    Checkpoint,
    Attach,
    AttachmentEnd,
    Detach,
    StartProcess,
    ProcessExit,
    Signal,
    Resize,
    CloseStdin,

    /// <summary>From the plugin: keeps a state record.</summary>
    SaveState = 100,

    /// <summary>From the plugin, without an answer: a line for the log.</summary>
    Log,
}

/// <summary>
/// A call. Objects of the contract are named as the contract names them, by the ids of sandbox, container and exec, so that a
/// process that was started anew understands what the one before it was asked.
/// </summary>
public sealed record WireRequest
{
    public required Verb Verb { get; init; }

    /// <summary>The handler's number, given by the gateway.</summary>
    public int Handler { get; init; }

    public string? Sandbox { get; init; }

    public string? Container { get; init; }

    /// <summary>Null is the container's init.</summary>
    public string? Exec { get; init; }

    /// <summary>An attachment's number, given by the gateway.</summary>
    public long Attachment { get; init; }

    /// <summary>A signal, a port, columns, a log's level.</summary>
    public int Number { get; init; }

    /// <summary>Rows.</summary>
    public int Second { get; init; }

    public SignalScope Scope { get; init; }

    /// <summary>An image's id, a log's line, an assembly's path, the id of a state record.</summary>
    public string? Text { get; init; }

    public HandlerConfig? Config { get; init; }

    public PrepareSandboxRequest? Prepare { get; init; }

    public StartSandboxRequest? Start { get; init; }

    public RestoreSandboxRequest? Restore { get; init; }

    public DestroyRequest? Destroy { get; init; }

    public PrepareImageRequest? Image { get; init; }

    public PodResources? Resources { get; init; }

    public CreateContainerRequest? Create { get; init; }

    /// <summary>Descriptors in it are places in the frame's list.</summary>
    public ExecRequest? ExecRequest { get; init; }

    /// <summary>The same.</summary>
    public AttachRequest? AttachRequest { get; init; }

    public CheckpointRequest? CheckpointRequest { get; init; }

    public JsonElement? Limits { get; init; }

    public StateRecord? State { get; init; }
}

/// <summary>The answer to a call: a failure, or what the verb has to tell.</summary>
public sealed record WireAnswer
{
    public WireFailure? Failure { get; init; }

    /// <summary>The id that the plugin's object has.</summary>
    public string? Id { get; init; }

    /// <summary>A process's id on the host.</summary>
    public int Pid { get; init; }

    public HandlerCheck? Check { get; init; }

    public PreparedSandbox? Prepared { get; init; }

    public IReadOnlyList<OwnedObject>? Owned { get; init; }

    public PreparedImage? Image { get; init; }

    public SandboxInfo? Info { get; init; }

    public ResourceUsage? Usage { get; init; }

    public ProcessExit? Exit { get; init; }

    public IReadOnlyList<int>? Pids { get; init; }

    /// <summary>The containers that a restored sandbox has.</summary>
    public IReadOnlyList<WireContainer>? Containers { get; init; }
}

/// <summary>A failure.</summary>
/// <param name="Code">Null: the plugin threw something else than <see cref="RuntimeException"/>.</param>
/// <param name="Message">What it said.</param>
public sealed record WireFailure(RuntimeErrorCode? Code, string Message);

/// <summary>A container of a restored sandbox.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Pid">Of its init.</param>
public sealed record WireContainer(string Id, int Pid);
