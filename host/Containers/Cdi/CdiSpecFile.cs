using System.Text.Json;
using Berth.Abstractions;
using Berth.Common;
using Berth.Linux;

namespace Berth.Containers.Cdi;

/// <summary>Reads one file.</summary>
internal static class CdiSpecFile
{
    // Large machines' files have thousands of lines.
    private const int MaxBytes = 4 * 1024 * 1024;

    /// <exception cref="RuntimeException">With the file's path and what is wrong.</exception>
    internal static CdiSpec Read(string path)
    {
        var status = FileStatus.Find(path) ?? throw RuntimeException.NotFound($"{path} is gone");
        if (status.Kind != FileKind.Regular || status.SizeBytes > MaxBytes)
        {
            throw RuntimeException.InvalidArgument($"{path}: it must be a regular file of at most {MaxBytes} bytes");
        }

        // Its hooks run as root.
        if (status.IsWritableByOthers || status.Uid != 0)
        {
            throw RuntimeException.InvalidArgument($"{path}: others than root can write it; chown root, chmod go-w");
        }

        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RuntimeException(RuntimeErrorCode.FailedPrecondition, $"{path}: {e.Message}", e);
        }
    }

    internal static CdiSpec Parse(string text, string path)
    {
        try
        {
            var spec = path.EndsWith(".json", StringComparison.Ordinal)
                ? JsonSerializer.Deserialize<CdiSpec>(text, CdiJson.Settings)
                : YamlJson.Parse(text, path) is [var document] ? document.Deserialize<CdiSpec>(CdiJson.Settings) : null;
            CdiSpecCheck.Check(spec ?? throw RuntimeException.InvalidArgument("it is not one object"));
            return spec;
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.InvalidArgument, $"{path}: {e.Message}", e);
        }
        catch (RuntimeException e) when (!e.Message.StartsWith(path, StringComparison.Ordinal))
        {
            throw new RuntimeException(e.Code, $"{path}: {e.Message}", e);
        }
    }
}
