using System.Buffers.Binary;
using System.Text;
using Berth.Linux;

namespace Berth.Plugins.Health;

/// <summary>Code that runs in this process, and what a verdict needs to name it.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Version">The plugin's version.</param>
/// <param name="Digest">The plugin's folder.</param>
/// <param name="Handler">Empty: the plugin as a whole, while it is loaded.</param>
/// <param name="Instance">Of <see cref="HandlerEntry.Instance"/>.</param>
internal sealed record MarkedCode(string Plugin, string Version, string Digest, string Handler, string Instance)
{
    public string Write() => string.Join('\n', Plugin, Version, Digest, Handler, Instance);

    public static MarkedCode? Read(string text) => text.Split('\n') is [var plugin, var version, var digest, var handler, var instance]
        ? new(plugin, version, digest, handler, instance)
        : null;
}

/// <summary>
/// Which plugins have calls running in this process, written where it outlives the process: a slot for each handler, with its name and
/// a counter for each verb. A mark costs two additions in memory.
/// </summary>
internal sealed partial class CallMarks
{
    public const string AnyOther = "a call";

    private const int Slots = 256, SlotBytes = 512, TextOffset = 192, VerbCounters = 40;

    // The first slot has no counters: its text says how the process ended, where somebody was there to write that down.
    private const int End = 0;

    private static readonly string[] Verbs =
    [
        "Load", "CreateHandler", "Check", "PrepareSandbox", "StartSandbox", "RestoreSandbox", "DestroySandbox", "DestroyContainer", "ListOwned",
        "PrepareImage", "ReleaseImage", "Dispose", "SandboxId", "SandboxExit", "SandboxInfo", "CreateContainer", "FindContainer", "SandboxStats",
        "SandboxUpdateResources", "OpenPort", "ContainerId", "ContainerInit", "Exec", "Update", "ContainerStats", "Pids", "ReopenLog", "Attach",
        "Checkpoint", "Exit", "Pid", "Start", "Signal", "Resize", "CloseStdin", "AttachmentEnd", "Detach",
    ];

    private static readonly Dictionary<string, int> Numbers = Verbs.Select(static (v, i) => (v, i)).ToDictionary(static p => p.v, static p => p.i);

    private readonly Lock _gate = new();
    private readonly SharedPage _page;
    private readonly MarkedCode?[] _codes = new MarkedCode?[Slots];
    private readonly Stack<int> _free = new(Enumerable.Range(1, Slots - 1).Reverse());

    /// <summary>Called before every beginning and end of a call.</summary>
    public Action? Edge { get; set; }

    /// <param name="path">The file, made anew.</param>
    public CallMarks(string path) => _page = SharedPage.Create(path, Slots * SlotBytes);

    /// <summary>What a file says: how the process ended, if that was written, and the code that was there, with the verbs of calls that ran.</summary>
    public static (string End, IReadOnlyList<(MarkedCode Code, IReadOnlyList<string> Verbs)> Marks) Read(byte[] file)
    {
        var marks = new List<(MarkedCode Code, IReadOnlyList<string> Verbs)>();
        for (var slot = 1; slot < file.Length / SlotBytes; slot++)
        {
            if (MarkedCode.Read(TextOf(file, slot)) is { } code)
            {
                var counters = file.AsSpan(slot * SlotBytes, GrowthOffset).ToArray();
                marks.Add((code, [.. Enumerable.Range(0, VerbCounters).Where(v => NumberAt(counters, v) > 0).Select(NameOf)]));
            }
        }

        // One that is made and one that is let go of may be of the same code.
        var merged = marks.GroupBy(static m => m.Code).Select(static g => (g.Key, (IReadOnlyList<string>)[.. g.SelectMany(static m => m.Verbs).Distinct()]));
        return (file.Length < SlotBytes ? "" : TextOf(file, End), [.. merged]);
    }

    /// <summary>A slot; null if all are taken, and then its calls leave no mark.</summary>
    public CallMark? Take(MarkedCode code)
    {
        var text = Encoding.UTF8.GetBytes(code.Write());
        lock (_gate)
        {
            if (text.Length > SlotBytes - TextOffset || !_free.TryPop(out var slot))
            {
                return null;
            }

            text.CopyTo(TextAt(slot));
            _codes[slot] = code;
            return new(this, slot);
        }
    }

    /// <summary>Writes down how the process ends, while it does.</summary>
    public void WriteEnd(string how)
    {
        var text = Encoding.UTF8.GetBytes(how);
        text.AsSpan(0, Math.Min(text.Length, SlotBytes - TextOffset)).CopyTo(TextAt(End));
    }

    internal static int NumberOf(string verb) => Numbers.GetValueOrDefault(verb, Verbs.Length);

    internal void Count(int slot, int verb, int change)
    {
        Edge?.Invoke();
        _page.Add((slot * SlotBytes) + (verb * sizeof(int)), change);
        _last = slot;
    }

    // A call that still runs keeps the slot, for whoever it may end yet.
    internal void Free(int slot)
    {
        lock (_gate)
        {
            if (!CountersAt(slot).ContainsAnyExcept((byte)0))
            {
                _page.Bytes(slot * SlotBytes, SlotBytes).Clear();
                _codes[slot] = null;
                ForgetGrowth(slot);
                _free.Push(slot);
            }
        }
    }

    private static string TextOf(byte[] file, int slot)
    {
        var text = file.AsSpan((slot * SlotBytes) + TextOffset, SlotBytes - TextOffset);
        return Encoding.UTF8.GetString(text[..(text.IndexOf((byte)0) is >= 0 and var end ? end : text.Length)]);
    }

    private static string NameOf(int verb) => verb < Verbs.Length ? Verbs[verb] : AnyOther;

    private static int NumberAt(ReadOnlySpan<byte> bytes, int index) => Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(bytes[(index * sizeof(int))..]));

    private Span<byte> CountersAt(int slot) => _page.Bytes(slot * SlotBytes, GrowthOffset);

    private Span<byte> TextAt(int slot) => _page.Bytes((slot * SlotBytes) + TextOffset, SlotBytes - TextOffset);
}

/// <summary>One handler's slot.</summary>
internal sealed class CallMark(CallMarks marks, int slot) : IDisposable
{
    /// <summary>Runs a call that is marked until its task has ended, whoever still waits for it.</summary>
    public async Task<T> RunAsync<T>(string verb, Func<Task<T>> call)
    {
        var number = CallMarks.NumberOf(verb);
        marks.Count(slot, number, 1);
        try
        {
            return await call();
        }
        finally
        {
            marks.Count(slot, number, -1);
        }
    }

    public T Run<T>(string verb, Func<T> call)
    {
        var number = CallMarks.NumberOf(verb);
        marks.Count(slot, number, 1);
        try
        {
            return call();
        }
        finally
        {
            marks.Count(slot, number, -1);
        }
    }

    public void Dispose() => marks.Free(slot);
}
