# The image of slimwright itself, built by scripts/image:
#   docker run --rm -v /var/run/docker.sock:/var/run/docker.sock IMAGE my-service:1.4
#   docker run --rm -v "$PWD:/work" -w /work IMAGE .
FROM scratch
ARG TARGETARCH=amd64
COPY linux/${TARGETARCH}/LICENSE-APACHE linux/${TARGETARCH}/LICENSE-MIT linux/${TARGETARCH}/THIRD-PARTY.txt /licenses/
COPY linux/${TARGETARCH}/slimwright linux/${TARGETARCH}/uv /usr/local/bin/
COPY cacert.pem /etc/ssl/certs/ca-certificates.crt
# A folder for temporary files, which scratch has not.
COPY --chmod=1777 empty/ /tmp/
ENV PATH=/usr/local/bin SLIMWRIGHT_CACHE_DIR=/tmp/cache
ENTRYPOINT ["slimwright"]
CMD ["--help"]
