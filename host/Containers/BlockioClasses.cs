using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Berth.Abstractions;
using Berth.Common;
using Berth.Configuration;
using Berth.Containers.Spec;
using Berth.Linux;
using Berth.Plugins;

namespace Berth.Containers;

/// <summary>
/// Classes of disk limits from the operator's file, in the form that CRI-O and containerd take:
/// <code>
/// Classes:
///   slow:
///     - Devices: [/dev/vd*]
///       ThrottleReadBps: 50M
///     - Weight: 100
/// </code>
/// The file is read for each container that asks for a class, so a change counts for the next, and so do disks that come and go.
/// </summary>
public sealed partial class BlockioClasses(DeviceOptions options)
{
    private const int MaxBytes = 1024 * 1024;
    private const int MaxDevices = 1024;

    private static readonly string[] Keys = ["Devices", "ThrottleReadBps", "ThrottleWriteBps", "ThrottleReadIOPS", "ThrottleWriteIOPS", "Weight"];

    private static readonly Dictionary<string, ulong> Suffixes = new(StringComparer.Ordinal)
    {
        [""] = 1,
        ["k"] = 1_000,
        ["M"] = 1_000_000,
        ["G"] = 1_000_000_000,
        ["T"] = 1_000_000_000_000,
        ["Ki"] = 1UL << 10,
        ["Mi"] = 1UL << 20,
        ["Gi"] = 1UL << 30,
        ["Ti"] = 1UL << 40,
    };

    /// <summary>The limits of a class on the disks that are there now.</summary>
    /// <exception cref="RuntimeException">There is no such class, or the file is wrong.</exception>
    public OciBlockIO Find(string name)
    {
        var path = options.BlockioFile;
        if (path.Length == 0)
        {
            throw RuntimeException.FailedPrecondition($"the blockio class \"{name}\" is asked for, but this node has none: name their file in devices.blockioFile, or leave the class out");
        }

        try
        {
            var text = new FileInfo(path) is { Exists: true, Length: <= MaxBytes } ? File.ReadAllText(path) : throw RuntimeException.FailedPrecondition($"{path}: it is missing, or longer than {MaxBytes} bytes");
            return Parse(text, path, name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"the blockio classes cannot be read: {e.Message}", e);
        }
    }

    internal static OciBlockIO Parse(string text, string path, string name)
    {
        var classes = YamlJson.Parse(text, path) is [var document] ? Value(document, "Classes") as JsonObject : null;
        if (classes is null)
        {
            throw RuntimeException.FailedPrecondition($"{path}: it must be one mapping with Classes");
        }

        var entries = classes[name] as JsonArray
            ?? throw RuntimeException.InvalidArgument($"the blockio class \"{name}\" is not in {path}; known are {string.Join(", ", classes.Select(static c => c.Key))}");
        return entries.Aggregate(new OciBlockIO(), (sum, entry) => Add(sum, entry as JsonObject ?? throw Wrong(path, name, "has an entry that is no mapping"), path, name));
    }

    private static OciBlockIO Add(OciBlockIO sum, JsonObject entry, string path, string name)
    {
        if (entry.FirstOrDefault(static e => !Keys.Contains(e.Key, StringComparer.OrdinalIgnoreCase)) is { Key: { } unknown })
        {
            throw Wrong(path, name, $"has the key {unknown}; known are {string.Join(", ", Keys)}");
        }

        ulong? Number(string key) => Value(entry, key) is { } value ? Quantity(value.ToString()) ?? throw Wrong(path, name, $"has {key} {value}, which is no number such as 500 or 50M") : null;
        var weight = Number("Weight") switch
        {
            null => (ushort?)null,
            >= 10 and <= 1000 and var given => (ushort)given,
            var given => throw Wrong(path, name, $"has the weight {given}; it goes from 10 to 1000"),
        };
        if (Value(entry, "Devices") is not JsonArray patterns)
        {
            return Keys.Skip(1).SkipLast(1).FirstOrDefault(k => Value(entry, k) is not null) is { } lone
                ? throw Wrong(path, name, $"has {lone} without Devices")
                : sum with { Weight = weight ?? sum.Weight };
        }

        var disks = patterns.SelectMany(p => Disks(p?.ToString() ?? "", path, name)).Distinct().Take(MaxDevices).ToList();
        IReadOnlyList<OciThrottleDevice>? Throttle(IReadOnlyList<OciThrottleDevice>? already, string key) =>
            Number(key) is { } rate ? [.. already ?? [], .. disks.Select(d => new OciThrottleDevice(d.Major, d.Minor, rate))] : already;
        return sum with
        {
            WeightDevice = weight is { } own ? [.. sum.WeightDevice ?? [], .. disks.Select(d => new OciWeightDevice(d.Major, d.Minor, own))] : sum.WeightDevice,
            ThrottleReadBpsDevice = Throttle(sum.ThrottleReadBpsDevice, "ThrottleReadBps"),
            ThrottleWriteBpsDevice = Throttle(sum.ThrottleWriteBpsDevice, "ThrottleWriteBps"),
            ThrottleReadIOPSDevice = Throttle(sum.ThrottleReadIOPSDevice, "ThrottleReadIOPS"),
            ThrottleWriteIOPSDevice = Throttle(sum.ThrottleWriteIOPSDevice, "ThrottleWriteIOPS"),
        };
    }

    // A pattern may match what is no disk; a plain path must be one. The kernel limits whole disks.
    private static IEnumerable<(uint Major, uint Minor)> Disks(string pattern, string path, string name)
    {
        var (folder, file) = (Path.GetDirectoryName(pattern), Path.GetFileName(pattern));
        if (folder is not { Length: > 0 } || folder[0] != '/' || folder.AsSpan().ContainsAny('*', '?') || file.Length == 0)
        {
            throw Wrong(path, name, $"has the device \"{pattern}\"; it must be an absolute path, with * and ? in its last part alone");
        }

        var isPattern = file.AsSpan().ContainsAny('*', '?');
        IReadOnlyList<string> candidates = !isPattern ? [pattern]
            : Directory.Exists(folder) ? [.. Directory.EnumerateFileSystemEntries(folder).Where(f => Glob.IsMatch(file, Path.GetFileName(f)))]
            : [];
        var disks = candidates.Select(static c => FileStatus.Find(c)).OfType<FileStatus>().Where(static s => s.Kind == FileKind.BlockDevice).ToList();
        return isPattern || disks.Count > 0
            ? disks.Select(static d => (d.DeviceMajor, d.DeviceMinor))
            : throw Wrong(path, name, $"has the device {pattern}, which is no block device of this host");
    }

    internal static ulong? Quantity(string text) =>
        QuantityPattern().Match(text) is { Success: true } match
        && Suffixes.TryGetValue(match.Groups[2].Value, out var factor)
        && ulong.TryParse(match.Groups[1].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
        && number <= ulong.MaxValue / factor
            ? number * factor
            : null;

    private static JsonNode? Value(JsonObject map, string key) =>
        map.FirstOrDefault(e => string.Equals(e.Key, key, StringComparison.OrdinalIgnoreCase)).Value;

    private static RuntimeException Wrong(string path, string name, string what) => RuntimeException.FailedPrecondition($"{path}: the class {name} {what}");

    [GeneratedRegex(@"\A([0-9]{1,19})([A-Za-z]{0,2})\z")]
    private static partial Regex QuantityPattern();
}
