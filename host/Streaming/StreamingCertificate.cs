using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Berth.Configuration;
using Berth.Linux;

namespace Berth.Streaming;

/// <summary>
/// The certificate of the streaming server, with what stands behind it in its file. Who rotates it replaces the files; the next client
/// then gets the new one. Files that do not fit each other, as while one is replaced, leave the old one in force.
/// </summary>
public sealed class StreamingCertificate(StreamingOptions options, ILogger<StreamingCertificate> log)
{
    private readonly Lock _lock = new();
    private SslStreamCertificateContext? _context;
    private string _loaded = "";
    private string _refused = "";

    /// <summary>Whether there is one, and so TLS.</summary>
    public bool IsWanted => options.Certificate.Length > 0;

    /// <summary>The certificate as it is on disk now, or the last one that was good.</summary>
    /// <exception cref="IOException">There never was a good one.</exception>
    public SslStreamCertificateContext Current()
    {
        lock (_lock)
        {
            var stamp = $"{Stamp(options.Certificate)} {Stamp(options.Key)}";
            if (stamp == _loaded && _context is not null)
            {
                return _context;
            }

            try
            {
                _context = Load();
                (_loaded, _refused) = (stamp, "");
                StreamingLog.CertificateLoaded(log, options.Certificate, _context.TargetCertificate.Subject, _context.TargetCertificate.NotAfter);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
            {
                if (_context is null)
                {
                    throw new IOException($"the certificate {options.Certificate} with the key {options.Key} cannot be used: {e.Message}", e);
                }

                // Once for each state of the files, not for each client.
                if (_refused != stamp)
                {
                    _refused = stamp;
                    StreamingLog.CertificateKept(log, options.Certificate, e.Message);
                }
            }

            return _context;
        }
    }

    private SslStreamCertificateContext Load()
    {
        var certificate = X509Certificate2.CreateFromPemFile(options.Certificate, options.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(options.Certificate);
        chain.RemoveAt(0);
        return SslStreamCertificateContext.Create(certificate, chain, offline: true);
    }

    private static string Stamp(string path) =>
        FileStatus.Find(path) is { } status ? $"{status.FileSystem}:{status.Inode}:{status.SizeBytes}:{status.Modified.Seconds}.{status.Modified.Nanoseconds}" : "-";
}
