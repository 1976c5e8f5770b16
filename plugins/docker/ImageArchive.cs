using System.IO.Pipelines;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Docker;

/// <summary>
/// An image as <c>docker load</c> takes it, made from the folders of its layers while the Engine reads. Each folder is read
/// twice: a first time to know the length and the hash of its archive, which stand before its content.
/// </summary>
internal sealed class ImageArchive
{
    private readonly IReadOnlyList<(string Folder, long Length)> _layers;
    private readonly byte[] _config;
    private readonly string _tag;

    private ImageArchive(IReadOnlyList<(string, long)> layers, byte[] config, string tag) => (_layers, _config, _tag) = (layers, config, tag);

    /// <summary>Measures an image.</summary>
    /// <param name="layers">The folders, lowest first.</param>
    /// <param name="config">Makes the image's config from the layers' hashes and the number of their entries.</param>
    /// <param name="tag">The name that it gets.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static ImageArchive Measure(IReadOnlyList<string> layers, Func<IReadOnlyList<string>, long, object> config, string tag, CancellationToken cancellationToken)
    {
        var (measured, digests, entries) = (new List<(string, long)>(), new List<string>(), 0L);
        foreach (var folder in layers)
        {
            using var measure = new MeasuringStream();
            using (var buffered = new BufferedStream(measure, 64 * 1024))
            {
                entries += Write(folder, buffered, cancellationToken);
                buffered.Flush();
                digests.Add(measure.Digest());
                measured.Add((folder, measure.Length));
            }
        }

        return new(measured, JsonSerializer.SerializeToUtf8Bytes(config(digests, entries)), tag);
    }

    private static long Write(string folder, Stream target, CancellationToken cancellationToken)
    {
        try
        {
            return FolderTar.Write(folder, target, cancellationToken).Entries;
        }
        catch (InvalidDataException e)
        {
            throw RuntimeException.InvalidArgument($"the image: {e.Message}");
        }
    }

    /// <summary>The archive, made while it is read. A failure to make it is thrown by the read.</summary>
    public Stream Open(CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        _ = Task.Run(
            async () =>
            {
                Exception? failure = null;
                try
                {
                    await using var target = pipe.Writer.AsStream(leaveOpen: true);
                    await using var buffered = new BufferedStream(target, 256 * 1024);
                    Write(buffered, cancellationToken);
                }
                catch (Exception e) when (e is IOException or OperationCanceledException or RuntimeException or InvalidOperationException)
                {
                    failure = e;
                }

                await pipe.Writer.CompleteAsync(failure).ConfigureAwait(false);
            },
            CancellationToken.None);
        return pipe.Reader.AsStream();
    }

    private void Write(Stream target, CancellationToken cancellationToken)
    {
        var configName = Convert.ToHexStringLower(SHA256.HashData(_config)) + ".json";
        for (var i = 0; i < _layers.Count; i++)
        {
            TarArchive.Write(target, new() { Name = Encoding.ASCII.GetBytes($"{i}/layer.tar"), Kind = '0', Mode = 0x1A4, Size = _layers[i].Length });
            _ = Write(_layers[i].Folder, target, cancellationToken);
            TarArchive.Pad(target, _layers[i].Length);
        }

        WriteFile(target, configName, _config);
        WriteFile(target, "manifest.json", JsonSerializer.SerializeToUtf8Bytes<object[]>(
            [new { Config = configName, RepoTags = (string[])[_tag], Layers = Enumerable.Range(0, _layers.Count).Select(static i => $"{i}/layer.tar") }]));
        TarArchive.End(target);
    }

    private static void WriteFile(Stream target, string name, byte[] content)
    {
        TarArchive.Write(target, new() { Name = Encoding.ASCII.GetBytes(name), Kind = '0', Mode = 0x1A4, Size = content.Length });
        target.Write(content);
        TarArchive.Pad(target, content.Length);
    }
}
