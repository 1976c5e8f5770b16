using System.Formats.Tar;
using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Cli.Up;

/// <summary>A root file system of one static program: the machine's busybox, with a link for each of its commands.</summary>
public static class BusyboxLayer
{
    private const UnixFileMode ReadableByAll = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode ExecutableByAll = ReadableByAll | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode WritableByAll = ExecutableByAll | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite | UnixFileMode.StickyBit;

    /// <summary>Writes the layer as a tar; the same busybox gives the same bytes.</summary>
    public static async Task WriteAsync(Stream output, string busyboxPath, CancellationToken cancellationToken)
    {
        await RequireStaticAsync(busyboxPath, cancellationToken);
        await using var tar = new TarWriter(output, TarEntryFormat.Pax, leaveOpen: true);
        foreach (var folder in (string[])["bin", "dev", "etc", "home", "proc", "root", "run", "sys", "var", "var/www"])
        {
            await WriteAsync(tar, new(TarEntryType.Directory, folder + "/") { Mode = ExecutableByAll }, cancellationToken);
        }

        await WriteAsync(tar, new(TarEntryType.Directory, "tmp/") { Mode = WritableByAll }, cancellationToken);
        await WriteProgramAsync(tar, busyboxPath, cancellationToken);
        await WriteTextAsync(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\nwww:x:33:33:www:/var/www:/bin/sh\n", cancellationToken);
        await WriteTextAsync(tar, "etc/group", "root:x:0:\nnogroup:x:65534:\nwww:x:33:\nlogs:x:40:www\n", cancellationToken);
    }

    private static async Task WriteProgramAsync(TarWriter tar, string busyboxPath, CancellationToken cancellationToken)
    {
        await using var program = File.OpenRead(busyboxPath);
        await WriteAsync(tar, new(TarEntryType.RegularFile, "bin/busybox") { Mode = ExecutableByAll, DataStream = program }, cancellationToken);
        foreach (var applet in await RunAsync(busyboxPath, "--list", cancellationToken))
        {
            await WriteAsync(tar, new(TarEntryType.SymbolicLink, "bin/" + applet) { Mode = ExecutableByAll, LinkName = "busybox" }, cancellationToken);
        }
    }

    private static async Task WriteTextAsync(TarWriter tar, string name, string content, CancellationToken cancellationToken)
    {
        using var data = new MemoryStream(Encoding.UTF8.GetBytes(content));
        await WriteAsync(tar, new(TarEntryType.RegularFile, name) { Mode = ReadableByAll, DataStream = data }, cancellationToken);
    }

    private static async Task WriteAsync(TarWriter tar, PaxTarEntry entry, CancellationToken cancellationToken)
    {
        entry.ModificationTime = DateTimeOffset.UnixEpoch;
        await tar.WriteEntryAsync(entry, cancellationToken);
    }

    private static async Task<IEnumerable<string>> RunAsync(string path, string argument, CancellationToken cancellationToken)
    {
        var result = await CommandRunner.RunAsync(new Command { Path = path, Arguments = [argument] }, null, 64 * 1024, cancellationToken);
        return result.ExitCode == 0
            ? result.OutputText.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static a => a != "busybox")
            : throw RuntimeException.FailedPrecondition($"{path} {argument} ended with {result.ExitCode}: {result.Error}");
    }

    // A program header of type PT_INTERP (3) names the dynamic loader; see elf(5).
    private static async Task RequireStaticAsync(string path, CancellationToken cancellationToken)
    {
        var head = new byte[4096];
        await using var file = File.OpenRead(path);
        var length = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        if (!IsStaticElf64(head.AsSpan(0, length)))
        {
            throw RuntimeException.FailedPrecondition($"{path} is not a static 64-bit program: the sample image holds nothing else, so it could not start; install busybox-static");
        }
    }

    private static bool IsStaticElf64(ReadOnlySpan<byte> head)
    {
        if (head.Length < 64 || !head.StartsWith("\x7F"u8 + "ELF\x02"u8))
        {
            return false;
        }

        var offset = BitConverter.ToInt64(head[32..]);
        var (size, count) = (BitConverter.ToUInt16(head[54..]), BitConverter.ToUInt16(head[56..]));
        for (var i = 0; i < count; i++)
        {
            var at = offset + (i * size);
            if (at < 0 || at + 4 > head.Length || BitConverter.ToInt32(head[(int)at..]) == 3)
            {
                return false;
            }
        }

        return true;
    }
}
