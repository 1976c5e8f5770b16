using System.Text;
using Berth.Linux;

namespace Berth.Containers.Checkpoints;

/// <summary>Writes a folder that <see cref="ContainerDumps"/> has filled as one tar, what is small and telling first.</summary>
internal static class CheckpointArchive
{
    private static readonly string[] First = [CheckpointNames.Config, CheckpointNames.Spec, CheckpointNames.Status];

    public static void Write(string folder, Stream target, CancellationToken cancellationToken)
    {
        var top = Directory.GetFiles(folder).Select(static f => Path.GetFileName(f)!).Order(StringComparer.Ordinal).ToList();
        foreach (var name in First.Concat(top.Except(First)))
        {
            Add(folder, name, target, cancellationToken);
        }

        TarArchive.Write(target, new() { Name = Encoding.UTF8.GetBytes(CheckpointNames.Processes + "/"), Kind = '5', Mode = 0x1C0 });
        foreach (var name in Directory.GetFiles(Path.Combine(folder, CheckpointNames.Processes)).Select(static f => Path.GetFileName(f)!).Order(StringComparer.Ordinal))
        {
            Add(folder, $"{CheckpointNames.Processes}/{name}", target, cancellationToken);
        }

        TarArchive.End(target);
        target.Flush();
    }

    private static void Add(string folder, string name, Stream target, CancellationToken cancellationToken)
    {
        using var source = new FileStream(Path.Combine(folder, name), FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        var size = source.Length;
        TarArchive.Write(target, new()
        {
            Name = Encoding.UTF8.GetBytes(name),
            Kind = '0',
            Mode = 0x180,
            Size = size,
            ModifiedSeconds = new DateTimeOffset(File.GetLastWriteTimeUtc(source.Name)).ToUnixTimeSeconds(),
        });
        var buffer = new byte[256 * 1024];
        for (var rest = size; rest > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var count = source.Read(buffer, 0, (int)Math.Min(rest, buffer.Length));
            if (count == 0)
            {
                throw new IOException($"{name} became shorter while it was read");
            }

            target.Write(buffer, 0, count);
            rest -= count;
        }

        TarArchive.Pad(target, size);
    }
}
