using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Reload;

/// <summary>
/// Tells when the configuration's file or the plugin folders have changed and are quiet again. inotify(7) is the quick way; it does not
/// see through links, and folders may be missing when the watch begins, so a slow look at names, inodes and times catches the rest.
/// </summary>
internal sealed class ChangeWatch : IDisposable
{
    // A package manager writes file by file: half a second without a change is its end.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(500);
    private const int MostRounds = 40;

    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly TimeProvider _time;
    private readonly string? _file;
    private readonly Dictionary<string, FileSystemWatcher> _watchers = [];
    private string _seen;

    public ChangeWatch(BerthOptions options, TimeProvider time)
    {
        (_time, _file) = (time, options.Sources?.File is { } file ? Path.GetFullPath(file) : null);
        Follow(options);
        _seen = Print(options);
    }

    /// <summary>Waits for a change, at most that long; true if there was one and it has ended.</summary>
    public async Task<bool> ChangedAsync(BerthOptions options, TimeSpan limit, CancellationToken cancellationToken)
    {
        await _changed.WaitAsync(limit, cancellationToken);
        Follow(options);
        if (Print(options) is var print && print == _seen)
        {
            return false;
        }

        for (var round = 0; round < MostRounds; round++)
        {
            await Task.Delay(Quiet, _time, cancellationToken);
            var next = Print(options);
            if (next == print)
            {
                break;
            }

            print = next;
        }

        _seen = print;
        return true;
    }

    public void Dispose()
    {
        foreach (var watcher in _watchers.Values)
        {
            watcher.Dispose();
        }

        _changed.Dispose();
    }

    // Folders come and go, and the list of them is part of what is reloaded.
    private void Follow(BerthOptions options)
    {
        var wanted = options.Plugins.Folders.Select(static f => (Path: f, Below: true))
            .Concat(_file is null ? [] : [(Path: Path.GetDirectoryName(_file)!, Below: false)])
            .Where(static w => Directory.Exists(w.Path)).DistinctBy(static w => w.Path).ToDictionary(static w => w.Path, static w => w.Below);
        foreach (var (path, watcher) in _watchers.Where(w => !wanted.ContainsKey(w.Key)).ToList())
        {
            watcher.Dispose();
            _watchers.Remove(path);
        }

        foreach (var (path, below) in wanted.Where(w => !_watchers.ContainsKey(w.Key)))
        {
            _watchers[path] = Watch(path, below);
        }
    }

    private FileSystemWatcher Watch(string path, bool below)
    {
        var watcher = new FileSystemWatcher(path)
        {
            IncludeSubdirectories = below,
            NotifyFilter = NotifyFilters.FileName | NotifyFilters.DirectoryName | NotifyFilters.LastWrite | NotifyFilters.Attributes,
        };
        watcher.Changed += (_, _) => Wake();
        watcher.Created += (_, _) => Wake();
        watcher.Deleted += (_, _) => Wake();
        watcher.Renamed += (_, _) => Wake();
        watcher.Error += (_, _) => Wake();
        watcher.EnableRaisingEvents = true;
        return watcher;
    }

    private void Wake()
    {
        lock (_watchers)
        {
            if (_changed.CurrentCount == 0)
            {
                _changed.Release();
            }
        }
    }

    private string Print(BerthOptions options)
    {
        // Dotted folders are others' business, but for the one that switches plugins off.
        var folders = options.Plugins.Folders.Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories)
            .Where(static f => Path.GetFileName(f) is var name && (name[0] != '.' || name == DisabledPlugins.FolderName)).Order(StringComparer.Ordinal);
        return string.Join('\n', folders.Select(static f => $"{f} {FolderPrint.Of(f)}").Append(_file is null ? "" : FolderPrint.Of(_file)));
    }
}
