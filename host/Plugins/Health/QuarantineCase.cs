using System.Globalization;
using System.Text.Json.Serialization;
using Berth.Configuration;
using Berth.State;

namespace Berth.Plugins.Health;

/// <summary>
/// What there is against one object of a handler, or against a plugin's code as a whole. It is kept over restarts, as what ends the
/// gateway must not be forgotten with it.
/// <code>
///   nothing ─► quarantined ─► watched ─► nothing
///                  ▲   │ a check fails    │ a fault
///                  └───┴──────────────────┘  each time for twice as long
/// </code>
/// </summary>
public sealed record QuarantineCase : IRecord
{
    // Once may be chance.
    private const int Conviction = 2;

    /// <summary>Empty: of the plugin's code as a whole.</summary>
    public required string Handler { get; init; }

    /// <summary>Of <see cref="HandlerEntry.Instance"/>, or the plugin's digest: a new version or other options have a clean sheet.</summary>
    public required string Instance { get; init; }

    public required string Plugin { get; init; }

    public required string PluginVersion { get; init; }

    /// <summary>When it was quarantined, or let go.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Quarantined, and tried again then; null if it is not.</summary>
    public DateTimeOffset? Until { get; init; }

    public string Reason { get; init; } = "";

    /// <summary>How often in a row.</summary>
    public int Offences { get; init; }

    /// <summary>None of its code is run: its pods are listed, and can be stopped and removed.</summary>
    public bool IsHeld { get; init; }

    public int Suspicion { get; init; }

    /// <summary>Until then the suspicion counts.</summary>
    public DateTimeOffset? SuspectedUntil { get; init; }

    [JsonIgnore]
    public string Id => IdOf(Key);

    [JsonIgnore]
    public string UniqueName => Id;

    [JsonIgnore]
    public HandlerKey Key => new(Handler, Instance);

    [JsonIgnore]
    public bool IsOpen => Until is not null;

    /// <summary>Why no pod is started, for people.</summary>
    [JsonIgnore]
    public string Text => string.Create(
        CultureInfo.InvariantCulture,
        $"quarantined until {Until:yyyy-MM-ddTHH:mm:ssZ}, then tried again{(Offences > 1 ? $" ({Offences} times in a row)" : "")}: {Reason}; `berth plugin release {Plugin}` lets go of it now");

    public static string IdOf(HandlerKey key) => $"{key.Name}/{key.Instance}";

    public QuarantineCase Convict(string reason, bool isHeld, DateTimeOffset now, HealthOptions options)
    {
        var offences = Math.Min((IsOver(now, options) ? 0 : Offences) + 1, 1000);
        var backOff = options.Quarantine * Math.Pow(2, Math.Min(offences - 1, 20));
        return this with
        {
            Since = now,
            Until = now + (backOff < options.LongestQuarantine ? backOff : options.LongestQuarantine),
            Reason = reason,
            Offences = offences,
            IsHeld = isHeld,
            Suspicion = 0,
        };
    }

    /// <summary>The gateway died while a call into it ran, and nothing says whose fault it was.</summary>
    /// <param name="reason">For people, should it be convicted.</param>
    /// <param name="isHeld">It happened in what a start does too.</param>
    /// <param name="now">When.</param>
    /// <param name="options">Those in force.</param>
    /// <param name="memory">How long this counts; as long as faults do, if not given.</param>
    public QuarantineCase Suspect(string reason, bool isHeld, DateTimeOffset now, HealthOptions options, TimeSpan? memory = null)
    {
        var suspicion = 1 + (now < SuspectedUntil ? Suspicion : 0);
        var until = now + (memory ?? options.Window);
        return suspicion >= Conviction ? Convict(reason, isHeld, now, options) : this with { Suspicion = suspicion, SuspectedUntil = until > SuspectedUntil ? until : SuspectedUntil ?? until };
    }

    public QuarantineCase LetGo(DateTimeOffset now) => this with { Since = now, Until = null, IsHeld = false };

    /// <summary>Let go of not long ago: the next fault is one too many.</summary>
    public bool IsWatched(DateTimeOffset now, HealthOptions options) => !IsOpen && Offences > 0 && now - Since < options.Window;

    /// <summary>Well for so long that nothing is held against it any more.</summary>
    public bool IsOver(DateTimeOffset now, HealthOptions options) =>
        !IsOpen && now - Since > options.LongestQuarantine && !(now < SuspectedUntil);
}

/// <summary>All cases.</summary>
public sealed class QuarantineRegistry(StateDatabase database)
    : RecordRegistry<QuarantineCase>(database, "quarantine", QuarantineJson.Default.QuarantineCase)
{
    protected override bool IsVisible(QuarantineCase record) => record.IsOpen;
}

[JsonSerializable(typeof(QuarantineCase))]
internal sealed partial class QuarantineJson : JsonSerializerContext;
