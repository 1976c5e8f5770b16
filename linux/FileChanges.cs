using System.Buffers.Binary;
using System.Runtime.Loader;

namespace Berth.Linux;

/// <summary>
/// Tells when files grow, with one inotify(7) instance and no thread for any number of them. A kernel queue that overflowed
/// wakes every waiter, so a change may be reported that was none, and none is missed.
/// </summary>
public sealed class FileChanges
{
    private const uint IN_MODIFY = 2, IN_Q_OVERFLOW = 0x4000, IN_IGNORED = 0x8000;
    private const int IN_NONBLOCK = 0x800, IN_CLOEXEC = 0x80000;

    // struct inotify_event: descriptor, mask, cookie, length of the name.
    private const int HeaderBytes = 16;
    private readonly SafeFd _inotify;
    private readonly Lock _lock = new();
    private readonly Dictionary<int, List<Watched>> _watched = [];

    private FileChanges()
    {
        var fd = Libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        _inotify = fd >= 0 ? new(fd) : throw LinuxException.Last("inotify_init1", "");
        var unloading = new CancellationTokenSource();
        // In a plugin's own copy of this library; there the wait would keep the plugin in memory after its unloading.
        if (AssemblyLoadContext.GetLoadContext(typeof(FileChanges).Assembly) is { IsCollectible: true } context)
        {
            context.Unloading += _ => unloading.Cancel();
        }

        _ = Task.Run(() => FollowAsync(unloading.Token));
    }

    /// <summary>The process's instance.</summary>
    public static FileChanges Shared { get; } = new();

    /// <summary>Watches a file that exists, until the answer is disposed of.</summary>
    /// <param name="path">It must not be a link.</param>
    public Watched Watch(string path)
    {
        lock (_lock)
        {
            // The same file has the same descriptor, however often it is added; it goes by itself when the file is deleted.
            var descriptor = Libc.inotify_add_watch(_inotify.Number, path, IN_MODIFY);
            if (descriptor < 0)
            {
                throw LinuxException.Last("inotify_add_watch", path);
            }

            var watched = new Watched(this, descriptor);
            if (!_watched.TryGetValue(descriptor, out var list))
            {
                _watched[descriptor] = list = [];
            }

            list.Add(watched);
            return watched;
        }
    }

    private void Forget(Watched watched)
    {
        lock (_lock)
        {
            if (_watched.TryGetValue(watched.Descriptor, out var list) && list.Remove(watched) && list.Count == 0)
            {
                _watched.Remove(watched.Descriptor);
                _ = Libc.inotify_rm_watch(_inotify.Number, watched.Descriptor);
            }
        }
    }

    private async Task FollowAsync(CancellationToken unloading)
    {
        var buffer = new byte[16 * 1024];
        while (!unloading.IsCancellationRequested)
        {
            await Poller.Shared.ReadableAsync(_inotify, unloading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            while (_inotify.Read(buffer) is > 0 and var count)
            {
                Report(buffer.AsSpan(0, count));
            }
        }
    }

    private void Report(ReadOnlySpan<byte> events)
    {
        lock (_lock)
        {
            while (events.Length >= HeaderBytes)
            {
                var descriptor = BinaryPrimitives.ReadInt32LittleEndian(events);
                var mask = BinaryPrimitives.ReadUInt32LittleEndian(events[4..]);
                var changed = (mask & IN_Q_OVERFLOW) != 0 ? _watched.Values.SelectMany(static l => l) : _watched.GetValueOrDefault(descriptor) ?? [];
                foreach (var watched in changed)
                {
                    watched.Wake();
                }

                if ((mask & IN_IGNORED) != 0)
                {
                    _watched.Remove(descriptor);
                }

                events = events[(HeaderBytes + (int)BinaryPrimitives.ReadUInt32LittleEndian(events[12..]))..];
            }
        }
    }

    /// <summary>One file under watch.</summary>
    public sealed class Watched : IDisposable
    {
        private readonly FileChanges _owner;
        private readonly SemaphoreSlim _changed = new(0, 1);

        internal Watched(FileChanges owner, int descriptor) => (_owner, Descriptor) = (owner, descriptor);

        internal int Descriptor { get; }

        /// <summary>Completes when the file was written to since the last call, or since the watch began.</summary>
        public Task ChangedAsync(CancellationToken cancellationToken) => _changed.WaitAsync(cancellationToken);

        /// <summary>Ends a wait without a change.</summary>
        public void Wake()
        {
            lock (_changed)
            {
                if (_changed.CurrentCount == 0)
                {
                    _changed.Release();
                }
            }
        }

        /// <inheritdoc/>
        public void Dispose() => _owner.Forget(this);
    }
}
