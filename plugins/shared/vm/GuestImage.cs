using System.Reflection;
using Berth.Abstractions;

namespace Berth.Plugins.Vm;

/// <summary>The guest's kernel and initramfs: read-only, the same files for every VM.</summary>
internal sealed record GuestImage(string Folder)
{
    private const string Installed = "/usr/lib/berth/guest";

    public string Kernel => Path.Combine(Folder, "vmlinuz");

    public string Initramfs => Path.Combine(Folder, "initramfs");

    /// <summary>Finds it.</summary>
    /// <exception cref="RuntimeException">There is none; the message says how to make one.</exception>
    public static GuestImage Find(string? configured)
    {
        IEnumerable<string> folders = configured is not null ? [configured] : [.. InTheTree(), Installed];
        return folders.Select(static f => new GuestImage(f)).FirstOrDefault(static g => File.Exists(g.Kernel) && File.Exists(g.Initramfs))
            ?? throw RuntimeException.Unavailable(
                $"the guest image (vmlinuz, initramfs) is not built: it is not in {string.Join(" or ", folders.Distinct().TakeLast(2))}; run guest/build, or set the option 'guest'");
    }

    /// <summary>Changes with the files.</summary>
    public string Stamp() => string.Join(' ', ((string[])[Kernel, Initramfs]).Select(static f => new FileInfo(f))
        .Select(static f => $"{f.FullName} {f.Length} {f.LastWriteTimeUtc.Ticks}"));

    // What was built in the tree runs beneath its artifacts folder; the gateway may have copied the plugin elsewhere.
    private static IEnumerable<string> InTheTree()
    {
        foreach (var start in (string?[])[Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location), AppContext.BaseDirectory])
        {
            for (var folder = start; !string.IsNullOrEmpty(folder); folder = Path.GetDirectoryName(folder))
            {
                if (Path.GetFileName(folder) == "artifacts")
                {
                    yield return Path.Combine(folder, "guest-vm");
                }
            }
        }
    }
}
