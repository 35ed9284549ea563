/**
 * What headers, cookies and methods may be called: `token` of RFC 9110 §5.6.2, which
 * RFC 6265 §4.1.1 takes for cookies. Here because both sides of the wire check it.
 */
export const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
