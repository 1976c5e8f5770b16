using Berth.Abstractions;
using Berth.Configuration;
using Berth.Linux;

namespace Berth.Containers.Cdi;

/// <summary>
/// The devices that the folders' files describe. Drivers write them while the gateway runs, so every look compares the folders with
/// the last one (a few stat calls) and reads again what differs. Of the same device in two folders the later folder's counts; twice
/// in one folder it is nobody's.
/// </summary>
public sealed class CdiRegistry(DeviceOptions options)
{
    private const int MaxFiles = 1024;

    private readonly Lock _gate = new();
    private IReadOnlyList<Stamp>? _seen;
    private Dictionary<CdiName, List<Found>> _devices = [];
    private List<string> _problems = [];

    /// <summary>What a container gets that asks for these devices; the devices' common edits come once.</summary>
    /// <exception cref="RuntimeException">One is not described, or twice.</exception>
    public IReadOnlyList<CdiEdits> Resolve(IReadOnlyList<string> names)
    {
        var asked = names.Distinct(StringComparer.Ordinal).Select(CdiName.Parse).ToList();
        if (asked.Count == 0)
        {
            return [];
        }

        lock (_gate)
        {
            RefreshNeedsLock();
            var edits = new List<CdiEdits?>();
            var specs = new HashSet<CdiSpec>(ReferenceEqualityComparer.Instance);
            foreach (var found in asked.Select(FindNeedsLock))
            {
                if (specs.Add(found.Spec))
                {
                    edits.Add(found.Spec.ContainerEdits);
                }

                edits.Add(found.Device.ContainerEdits);
            }

            return [.. edits.OfType<CdiEdits>()];
        }
    }

    private Found FindNeedsLock(CdiName name)
    {
        if (!_devices.TryGetValue(name, out var found))
        {
            var kind = _devices.Keys.Where(d => d.Kind == name.Kind).Select(static d => d.Device).Order(StringComparer.Ordinal).Take(10).ToList();
            var known = kind.Count > 0 ? $"known of its kind are {string.Join(", ", kind)}" : $"no file in {string.Join(", ", options.CdiFolders)} is of its kind";
            var problems = _problems.Count > 0 ? $"; files that cannot be used: {string.Join("; ", _problems.Take(3))}" : "";
            throw RuntimeException.FailedPrecondition($"the CDI device {name} is not described on this node: {known}{problems}");
        }

        return found is [var only]
            ? only
            : throw RuntimeException.FailedPrecondition($"the CDI device {name} is described twice, in {string.Join(" and ", found.Select(static f => f.Path))}; remove one");
    }

    private void RefreshNeedsLock()
    {
        var files = options.CdiFolders.SelectMany(List).ToList();
        if (_seen is not null && files.SequenceEqual(_seen))
        {
            return;
        }

        var (devices, problems) = (new Dictionary<CdiName, List<Found>>(), new List<string>());
        foreach (var folder in files.GroupBy(static f => f.Folder))
        {
            var own = folder.SelectMany(file => Read(file.Path, problems)).GroupBy(static f => new CdiName(f.Spec.Kind, f.Device.Name));
            foreach (var device in own)
            {
                devices[device.Key] = [.. device];
            }
        }

        (_seen, _devices, _problems) = (files, devices, problems);
    }

    private static IEnumerable<Found> Read(string path, List<string> problems)
    {
        try
        {
            var spec = CdiSpecFile.Read(path);
            return spec.Devices.Select(d => new Found(path, spec, d));
        }
        catch (RuntimeException e)
        {
            problems.Add(e.Message);
            return [];
        }
    }

    private static IEnumerable<Stamp> List(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder)
            .Where(static f => f.EndsWith(".json", StringComparison.Ordinal) || f.EndsWith(".yaml", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).Take(MaxFiles)
            .Select(f => new Stamp(folder, f, FileStatus.Find(f)))
        : [];

    private sealed record Found(string Path, CdiSpec Spec, CdiDevice Device);

    private sealed record Stamp(string Folder, string Path, FileStatus? Status);
}
