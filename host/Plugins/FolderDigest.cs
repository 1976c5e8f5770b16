using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Berth.Plugins;

/// <summary>The SHA-256 of a folder: of every name, kind, executable bit and content, in the order of names.</summary>
internal static class FolderDigest
{
    private const long MostBytes = 1L << 30;

    /// <exception cref="PluginRejectedException">It is too large.</exception>
    public static string Of(string folder) => Of(folder, except: null);

    /// <param name="folder">The folder.</param>
    /// <param name="except">A name in it that is left out.</param>
    /// <exception cref="PluginRejectedException">It is too large.</exception>
    public static string Of(string folder, string? except)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var total = 0L;
        foreach (var path in Walk(folder).Where(p => except is null || Path.GetRelativePath(folder, p) != except))
        {
            var file = new FileInfo(path);
            Append(hash, Path.GetRelativePath(folder, path));
            if (file.LinkTarget is { } target)
            {
                Append(hash, "link " + target);
            }
            else if (file.Attributes.HasFlag(FileAttributes.Directory))
            {
                Append(hash, "folder");
            }
            else
            {
                Append(hash, IsExecutable(path) ? "program" : "file");
                total += AppendContent(hash, path);
                if (total > MostBytes)
                {
                    throw new PluginRejectedException(PluginState.Failed, PluginRefusal.Folder, $"the plugin folder {folder} holds more than {MostBytes >> 20} MiB");
                }
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>All beneath a folder in the order of names, a folder before what is in it; links are not followed.</summary>
    public static IEnumerable<string> Walk(string folder)
    {
        foreach (var path in Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal))
        {
            yield return path;
            if (Directory.Exists(path) && new FileInfo(path).LinkTarget is null)
            {
                foreach (var below in Walk(path))
                {
                    yield return below;
                }
            }
        }
    }

    public static bool IsExecutable(string path) => File.GetUnixFileMode(path).HasFlag(UnixFileMode.UserExecute);

    // Each piece with its length, so that no two folders give the same bytes.
    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static long AppendContent(IncrementalHash hash, string path)
    {
        using var file = File.OpenRead(path);
        Append(hash, file.Length);
        var buffer = new byte[64 * 1024];
        var total = 0L;
        while (file.Read(buffer) is > 0 and var count)
        {
            hash.AppendData(buffer.AsSpan(0, count));
            total += count;
        }

        return total;
    }

    private static void Append(IncrementalHash hash, long length)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, length);
        hash.AppendData(bytes);
    }
}
